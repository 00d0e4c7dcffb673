"""`kentcard sip2`: machines added, given another secret and revoked; what it serves without."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cardservice.cli.commands import run
from cardservice.cli.sip2 import is_loopback
from tests.support.patience import PATIENCE
from tests.support.sip2 import Certificate


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    monkeypatch.setenv("KENTCARD_KEYS", f"{tmp_path}/keys.json")
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", f"{tmp_path}/keys.passphrase")
    assert run(["db", "upgrade"]) == 0
    assert run(["keys", "init"]) == 0


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401  (JSON)
    capsys.readouterr()
    assert run(["sip2", "machine", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def added(capsys: pytest.CaptureFixture[str], name: str, *more: str) -> str:
    secret: str = answered(capsys, "add", name, "--place", "Maidstone library", *more)["secret"]
    return secret


def test_a_machine_is_added_with_a_secret_of_its_own_told_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret = added(capsys, "maidstone-1", "--network", "192.0.2.0/24")
    assert len(secret) == 32
    assert secret != added(capsys, "maidstone-2")
    listed = {each["name"]: each for each in answered(capsys, "list")}
    assert listed["maidstone-1"]["networks"] == "192.0.2.0/24"
    assert listed["maidstone-2"]["networks"] == "any"
    assert listed["maidstone-1"]["state"] == "in-use"
    assert secret.encode() not in (tmp_path / "kentcard.db").read_bytes()
    again = answered(capsys, "secret", "maidstone-1")["secret"]
    assert again != secret
    assert run(["audit", "verify"]) == 0


def test_a_revoked_machine_is_no_more_and_its_name_is_not_given_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    added(capsys, "maidstone-1")
    assert answered(capsys, "revoke", "maidstone-1") == {"name": "maidstone-1", "revoked": True}
    assert answered(capsys, "list")[0]["state"] == "revoked"
    for words in (
        ["revoke", "maidstone-1"],
        ["secret", "maidstone-1"],
        ["add", "maidstone-1", "--place", "x"],
        ["revoke", "nobody"],
    ):
        assert run(["sip2", "machine", *words]) == 1


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["add", "Maidstone", "--place", "x"], id="capitals"),
        pytest.param(["add", "a|b", "--place", "x"], id="a field's end"),
        pytest.param(["add", "a" * 41, "--place", "x"], id="too long"),
        pytest.param(["add", "a", "--place", " "], id="no place"),
        pytest.param(["add", "a", "--place", "x\ny"], id="a place in two lines"),
        pytest.param(["add", "a", "--place", "x", "--network", "192.0.2.1/24"], id="no network"),
        pytest.param(["add", "a", "--place", "x", "--network", "library"], id="a word"),
    ],
)
def test_a_machine_that_cannot_be_is_refused_with_a_reason(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sip2", "machine", *words]) == 2
    assert capsys.readouterr().err.startswith("kentcard: ")
    assert answered(capsys, "list") == []


EVERYWHERE = "0.0.0.0"  # noqa: S104  (to be refused)


@pytest.mark.parametrize("host", [EVERYWHERE, "192.0.2.1", "::", "example.com", ""])
def test_an_address_that_others_reach_is_no_loopback(host: str) -> None:
    assert not is_loopback(host)
    assert all(is_loopback(each) for each in ("127.0.0.1", "::1", "localhost"))


def test_without_a_certificate_it_serves_on_loopback_alone_and_only_if_told_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["sip2", "serve"]) == 3
    assert "KENTCARD_SIP2_CERTIFICATE" in capsys.readouterr().err
    monkeypatch.setenv("KENTCARD_SIP2_PLAIN", "true")
    assert run(["sip2", "serve", "--host", EVERYWHERE]) == 3
    monkeypatch.setenv("KENTCARD_SIP2_CERTIFICATE", f"{tmp_path}/none.pem")
    assert run(["sip2", "serve"]) == 3
    assert "set both, or neither" in capsys.readouterr().err
    monkeypatch.setenv("KENTCARD_SIP2_KEY", f"{tmp_path}/none.key")
    assert run(["sip2", "serve"]) == 3
    assert "no certificate with its key" in capsys.readouterr().err


def test_the_process_answers_over_tls_and_ends_when_it_is_told_to(
    certificate: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = added(capsys, "maidstone-1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tls = {
        "KENTCARD_SIP2_CERTIFICATE": str(certificate.certificate),
        "KENTCARD_SIP2_KEY": str(certificate.key),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "cardservice.cli", "sip2", "serve", "--port", str(port)],
        env={**os.environ, **tls},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            assert "answering library machines" in process.stderr.readline()
            with (
                socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
                certificate.client().wrap_socket(plain, server_hostname="localhost") as spoken,
            ):
                spoken.sendall(f"9300CNmaidstone-1|CO{secret}|\r".encode())
                assert spoken.recv(100) == b"941\r"
                spoken.sendall(b"6300120261122    100000          AOKENT|AA1|\r")
                assert b"|BLN|" in spoken.recv(1000)
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    [listed] = answered(capsys, "list")
    assert listed["unknown_today"] == 1
