"""`kentcard serve` and `kentcard worker` as processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

KENTCARD = Path(sys.executable).parent / "kentcard"
READY_SECONDS = 30.0


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@pytest.fixture
def newcomer(tmp_path: Path) -> Path:
    """A directory with keys and a database."""
    for words in (["keys", "init"], ["db", "upgrade"]):
        _run(tmp_path, *words)
    return tmp_path


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KENTCARD_")}


def _run(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KENTCARD, *words],
        cwd=directory,
        env=_environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
    )


@contextmanager
def _running(directory: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [KENTCARD, *words], cwd=directory, env=_environment(), stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=READY_SECONDS)


def _ready(port: int, process: subprocess.Popen[bytes]) -> httpx.Response:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        assert process.poll() is None, "the server ended"
        try:
            return httpx.get(f"http://localhost:{port}/readyz", trust_env=False)
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the server did not answer"
            time.sleep(0.1)


def test_a_newcomer_serves_from_nothing(newcomer: Path, port: int) -> None:
    with _running(newcomer, "serve", "--port", str(port)) as server:
        answer = _ready(port, server)
        assert (answer.status_code, set(answer.json().values())) == (200, {"ok"})
        page = httpx.get(f"http://localhost:{port}/", trust_env=False)
        assert page.status_code == 200
        problem = httpx.get(f"http://localhost:{port}/api/terminal/bundle", trust_env=False)
        assert problem.json()["type"].startswith(f"http://localhost:{port}/problems/")

        second = _run(newcomer, "serve", "--port", str(port))
        assert second.returncode == 3
        assert second.stderr.startswith("kentcard: Cannot listen on 127.0.0.1")
        assert len(second.stderr.splitlines()) == 1


def test_a_worker_stops_when_told(newcomer: Path) -> None:
    with _running(newcomer, "worker") as worker:
        assert worker.stderr is not None
        assert b"working" in worker.stderr.readline()
    assert worker.returncode == 0
