"""The demo is the whole path: every step comes as expected, and a step left out is noticed."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

KENTCARD = str(Path(sys.executable).parent / "kentcard")
STEPS = 30


def free_ports(count: int) -> int:
    """The first of so many neighbouring ports that nobody uses."""
    for first in range(20_000, 30_000, count):
        probes = [socket.socket() for _ in range(count)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no free ports")


def play(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [KENTCARD, "demo", "--once", "--directory", str(directory / "demo")]
    command += ["--port", str(free_ports(4)), *options]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=600, cwd=directory
    )


@pytest.mark.slow
@pytest.mark.pcsc
def test_the_story_comes_as_expected_on_sqlite_and_postgresql(
    database_url: str, tmp_path: Path
) -> None:
    demo = play(tmp_path, "--database-url", database_url)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.splitlines()[-1] == f"demo: {STEPS} steps as expected, 0 not"


@pytest.mark.slow
@pytest.mark.pcsc
def test_an_act_left_out_makes_the_demo_fail_and_say_where(tmp_path: Path) -> None:
    demo = play(tmp_path, "--leave-out", "report-lost")
    assert demo.returncode == 1, demo.stdout + demo.stderr
    lines = demo.stdout.splitlines()
    assert re.fullmatch(r"demo: \d+ steps as expected, [1-9]\d* not", lines[-1])
    wrong = [line for line in lines if line.startswith(" NOT")]
    assert any(
        "the lost card at the library" in line and "came: accepted" in line for line in wrong
    )


@pytest.mark.slow
@pytest.mark.pcsc
def test_a_demo_that_is_stopped_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [
        KENTCARD,
        "demo",
        "--directory",
        str(tmp_path / "demo"),
        "--port",
        str(free_ports(4)),
    ]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert demo.stdout is not None
    for line in demo.stdout:
        if "ok  1" in line:
            break
    demo.terminate()
    demo.communicate(timeout=60)
    mark = str(tmp_path).encode()
    left = [
        process
        for process in Path("/proc").glob("[0-9]*/environ")
        if mark in _read(process) and int(process.parent.name) != os.getpid()
    ]
    assert left == []


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended, or is not ours to look at
        return b""


def test_the_demo_says_what_it_does_not_know() -> None:
    demo = subprocess.run(
        [KENTCARD, "demo", "--leave-out", "nothing"], capture_output=True, text=True, check=False
    )
    assert demo.returncode == 2
    assert "report-lost" in demo.stderr
