"""A pcscd of our own disturbs nobody and is left behind by nobody."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from readers.virtual.errors import PcscdNotStarted
from readers.virtual.pcscd import Pcscd
from tests.support.fenced import PROJECT, in_a_chroot, on_a_machine, unshare
from tests.support.patience import eventually

pytestmark = pytest.mark.pcsc

ENTER = "from readers.virtual.namespace import *; enter_private_namespace(); "
RUN_ONE = textwrap.dedent("""
    import pathlib, subprocess, sys
    from readers.pcsc.channel import list_readers
    from readers.virtual.pcscd import Pcscd, enter_private_namespace
    subprocess.run(["umount", "--lazy", "/run/pcscd"], capture_output=True)
    enter_private_namespace()
    with Pcscd([sys.argv[1]], pathlib.Path(sys.argv[2])) as pcscd:
        print(pcscd.pid, flush=True)
        sys.stdin.readline()
        print(*list_readers(), sep=",", flush=True)
        sys.stdin.readline()
""")


def test_the_owners_pcscd_is_not_seen_and_not_touched() -> None:
    inside, outside = on_a_machine(ENTER + "import os; print(*os.listdir('/run/pcscd'))")
    assert inside == ["private-to-kent-card"]
    assert outside == ["pcscd.comm-of-the-owner"]


def test_entering_twice_is_entering_once() -> None:
    script = ENTER + "open('/run/pcscd/x', 'w'); enter_private_namespace(); print(*os.listdir(RUN))"
    inside, _ = on_a_machine("import os;" + script)
    assert sorted(inside[0].split()) == ["private-to-kent-card", "x"]


def test_it_works_in_a_chroot_and_leaves_no_mount_outside(tmp_path: Path) -> None:
    script = ENTER + "import os; print(*os.listdir('/run/pcscd')); print(*sorted(os.listdir('/')))"
    inside, outside = in_a_chroot(tmp_path, script)
    assert inside[0] == "private-to-kent-card"
    assert "proc" not in inside[1].split()  # still in the chroot, which has none
    assert outside == ["0"]


def test_without_root_it_says_what_is_needed() -> None:
    script = """
        import os
        from readers.virtual.errors import NamespaceRefused
        from readers.virtual.namespace import enter_private_namespace
        os.seteuid(65534)
        try:
            enter_private_namespace()
        except NamespaceRefused as refused:
            print(refused)
    """
    inside, outside = on_a_machine(textwrap.dedent(script))
    assert "need root" in inside[0]
    assert outside == ["pcscd.comm-of-the-owner"]


@contextmanager
def private_process(name: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*unshare(), sys.executable, "-c", RUN_ONE, name, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # has no effect on one that has ended


def line_of(process: subprocess.Popen[str], told: str = "") -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    if told:
        process.stdin.write(told)
        process.stdin.flush()
    return process.stdout.readline().strip()


def test_two_of_them_run_at_once_and_never_meet(tmp_path: Path) -> None:
    with (
        private_process("Kent one", tmp_path / "1") as one,
        private_process("Kent two", tmp_path / "2") as two,
    ):
        pids = [int(line_of(one)), int(line_of(two))]
        assert line_of(one, "\n") == "Kent one 00 00"
        assert line_of(two, "\n") == "Kent two 00 00"
        for process in (one, two):
            process.communicate("\n")
            assert process.returncode == 0
    assert not any(runs(pid) for pid in pids)


def runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_pcscd_ends_with_the_process_that_started_it_even_if_that_is_killed(tmp_path: Path) -> None:
    with private_process("Kent orphan", tmp_path) as process:
        pid = int(line_of(process))
        assert runs(pid)
        process.kill()
    eventually(lambda: not runs(pid))


def test_a_start_that_fails_quotes_the_log(pcscd: Pcscd, tmp_path: Path) -> None:
    stray = tmp_path / "reader.conf.d" / "stray"
    stray.parent.mkdir()
    stray.write_text("this is no reader configuration\n")
    pcscd.stop()
    try:
        with pytest.raises(PcscdNotStarted, match="stray"):
            Pcscd(["Kent desk"], tmp_path).start()
    finally:
        pcscd.start()


def test_a_second_one_in_the_same_namespace_is_refused(pcscd: Pcscd, tmp_path: Path) -> None:
    with pytest.raises(PcscdNotStarted, match="already"):
        Pcscd(["Kent desk"], tmp_path).start()
    assert pcscd.pid is not None
    assert runs(pcscd.pid)


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([], "1 to 16"),
        (["Kent desk"] * 2, "same name"),
        ([f"Kent {number}" for number in range(17)], "1 to 16"),
        (['Kent "desk"'], "cannot name"),
        (["Kent\nLIBPATH /tmp/x.so"], "cannot name"),
        (["K" * 64], "cannot name"),
    ],
)
def test_readers_that_cannot_be_are_refused_before_anything_starts(
    names: list[str], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(PcscdNotStarted, match=reason):
        Pcscd(names, tmp_path)
    assert list(tmp_path.iterdir()) == []
