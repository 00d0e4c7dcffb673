"""Runs Python in a mount namespace that stands for a machine with a pcscd of its owner."""

import subprocess
import sys
from pathlib import Path

import pytest

from readers.virtual.namespace import RUN

PROJECT = Path(__file__).parents[2]

# Everything mounted here is shared, as systemd leaves it: what leaks, shows.
_MACHINE = f"""
umount --lazy {RUN} 2>/dev/null
mkdir -p {RUN} && mount -t tmpfs owner {RUN} && touch {RUN}/pcscd.comm-of-the-owner || exit 9
"""


def has_a_root_mount() -> bool:
    """Whether "/" is a mount point; in a plain chroot it is none, and cannot be made private."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(mount.split()[4] == "/" for mount in mounts)


def unshare(*options: str) -> list[str]:
    """The command that runs another in a mount namespace of its own, in a chroot too."""
    kept = [] if has_a_root_mount() else ["--propagation", "unchanged"]
    return ["unshare", "--mount", *kept, *options]


def on_a_machine(script: str, then: str = f"ls {RUN}") -> tuple[list[str], list[str]]:
    """Run ``script`` beside the owner's pcscd, then the shell command ``then`` outside of it.

    Returns:
        The lines each printed.
    """
    return _run(f'{_MACHINE}"$0" -c "$1"; echo ----; {then}', script)


def in_a_chroot(root: Path, script: str) -> tuple[list[str], list[str]]:
    """Run ``script`` in a chroot whose "/" is no mount point; then list mounts it left outside.

    Returns:
        The lines each printed.
    """
    needed = {Path(sys.prefix), Path(sys.base_prefix), PROJECT}
    for name in ("usr", "bin", "sbin", "lib", "lib64", "etc", "dev"):
        if (Path("/") / name).is_symlink():
            (root / name).symlink_to((Path("/") / name).readlink())
        else:
            needed.add(Path("/") / name)
    (root / "run").mkdir()
    binds = []
    for path in sorted(needed):
        inside = root / path.relative_to("/")
        inside.mkdir(parents=True, exist_ok=True)
        binds.append(f"mount --rbind {path} {inside} || exit 9")
    enter = f'cd / && chroot {root} /bin/sh -c \'cd {PROJECT} && exec "$0" -c "$1"\' "$0" "$1"'
    then = f"grep -c {root}/run/pcscd /proc/self/mountinfo"
    return _run("\n".join([*binds, f"( {enter} ); echo ----; {then}"]), script)


def _run(shell: str, script: str) -> tuple[list[str], list[str]]:
    if not has_a_root_mount():
        pytest.skip("a chroot cannot stand for a whole machine: its / is no mount point")
    result = subprocess.run(
        [
            "unshare",
            "--mount",
            "--propagation",
            "shared",
            "sh",
            "-c",
            shell,
            sys.executable,
            script,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=PROJECT,
    )
    inside, fence, outside = result.stdout.partition("----\n")
    if not fence or result.stderr:
        raise RuntimeError(f"{result.stdout}\n{result.stderr}")
    return inside.splitlines(), outside.splitlines()
