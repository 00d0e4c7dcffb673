"""The units and examples in deploy/ name options, settings and credentials that exist."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cardservice.cli.commands import parser as server_parser
from cardservice.settings import CREDENTIAL, described, load_settings
from readers.cli import command_parser as terminal_parser
from readers.contract.products import Product
from readers.terminal.settings import read_settings

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
UNITS: Final = sorted(DEPLOY.glob("*.service"))
ANALYZE: Final = shutil.which("systemd-analyze")
SAFE_ENOUGH: Final = 20
"""Tenths of what `systemd-analyze security` calls exposure; "OK" begins at 40."""
ASKED: Final = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "CapabilityBoundingSet": "",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
}

needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="systemd-analyze is not installed (Debian's package systemd)"
)


def lines(unit: Path) -> Iterator[tuple[str, str]]:
    for line in unit.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            yield name, value


def values(unit: Path, name: str) -> list[str]:
    return [value for each, value in lines(unit) if each == name]


def command(unit: Path) -> list[str]:
    (line,) = values(unit, "ExecStart")
    return shlex.split(line)


def by_stem(unit: Path) -> str:
    return unit.stem


def test_there_is_a_unit_for_every_process() -> None:
    assert {unit.stem for unit in UNITS} == {
        "kentcard-server", "kentcard-worker", "kentcard-sip2", "kentcard-terminal",
    }  # fmt: skip


@pytest.mark.parametrize("unit", UNITS, ids=by_stem)
def test_every_option_a_unit_names_exists(unit: Path) -> None:
    program, *arguments = command(unit)
    parsers = {"kentcard": server_parser, "kentcard-terminal": terminal_parser}
    asked = parsers[Path(program).name]().parse_args(arguments)
    assert str(asked.config) in {"/etc/kentcard/kentcard.toml", "/etc/kentcard/terminal.toml"}
    assert (DEPLOY / asked.config.name).is_file()


def test_a_unit_with_an_option_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(SystemExit):
        server_parser().parse_args(["serve", "--colour", "red"])


@pytest.mark.parametrize("unit", UNITS, ids=by_stem)
def test_every_unit_is_hardened_runs_as_an_account_of_its_own_and_starts_again(unit: Path) -> None:
    for name, value in ASKED.items():
        assert values(unit, name) == [value], name
    (user,) = values(unit, "User")
    accounts = (DEPLOY / "kentcard.sysusers").read_text(encoding="utf-8")
    assert re.search(rf'^u {user} - "', accounts, re.MULTILINE)
    assert values(unit, "Restart")[0] in {"on-failure", "always"}
    assert values(unit, "RestartSec")


@pytest.mark.parametrize("unit", UNITS, ids=by_stem)
def test_every_variable_is_a_setting_and_every_credential_it_names_is_loaded(unit: Path) -> None:
    settings = {each.variable for each in described()}
    loaded = {each.partition(":")[0] for each in values(unit, "LoadCredential")}
    for pair in values(unit, "Environment"):
        variable, _, value = pair.partition("=")
        assert variable in settings
        assert value.removeprefix("%d/") in loaded
    if values(unit, "User") == ["kentcard"]:
        assert CREDENTIAL in loaded


def test_the_example_of_the_server_is_taken_and_keeps_what_it_writes_where_it_may() -> None:
    settings = load_settings({}, config=DEPLOY / "kentcard.toml")
    (state,) = values(DEPLOY / "kentcard-server.service", "WorkingDirectory")
    assert settings.keys.startswith(f"{state}/")
    assert settings.outbox.startswith(f"{state}/")
    assert "keys_passphrase_file" not in (DEPLOY / "kentcard.toml").read_text(encoding="utf-8")


def test_the_example_of_a_terminal_is_taken_and_keeps_its_state_where_it_may() -> None:
    settings = read_settings({}, DEPLOY / "terminal.toml")
    (state,) = values(DEPLOY / "kentcard-terminal.service", "WorkingDirectory")
    assert str(settings.state_dir) == state
    assert settings.product is Product.LIBRARY_KIOSK
    text = (DEPLOY / "terminal.toml").read_text(encoding="utf-8")
    assert all(product.value in text for product in Product)


def test_what_is_there_is_told_where_terminals_and_servers_are_set_up() -> None:
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for each in sorted(DEPLOY.iterdir()):
        assert f"deploy/{each.name}" in told, each.name


def analysed(directory: Path, unit: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`systemd-analyze` on a copy whose programs exist on this machine."""
    program = directory / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = directory / unit.name
    text = unit.read_text(encoding="utf-8")
    copy.write_text(re.sub(r"/opt/kentcard/bin/[a-z-]+", str(program), text))
    assert ANALYZE is not None
    return subprocess.run(
        [ANALYZE, *arguments, str(copy)], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=by_stem)
def test_systemd_finds_nothing_wrong_with_a_unit(tmp_path: Path, unit: Path) -> None:
    done = analysed(tmp_path, unit, "verify", "--man=no")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_systemd_would_name_a_directive_that_does_not_exist(tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt" / UNITS[0].name
    spoilt.parent.mkdir()
    spoilt.write_text(UNITS[0].read_text(encoding="utf-8").replace("ProtectHome", "ProtectHomes"))
    done = analysed(tmp_path, spoilt, "verify", "--man=no")
    assert "ProtectHomes" in done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=by_stem)
def test_systemd_calls_a_unit_well_protected(tmp_path: Path, unit: Path) -> None:
    asked = ("security", "--offline=true", "--no-pager", f"--threshold={SAFE_ENOUGH}")
    done = analysed(tmp_path, unit, *asked)
    assert done.returncode == 0, done.stdout[-600:]
