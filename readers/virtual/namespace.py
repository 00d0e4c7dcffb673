"""A private view of /run/pcscd, so that a pcscd of the machine's owner is left alone.

libpcsclite finds pcscd at one fixed path. A process that mounts an empty directory there in a
mount namespace of its own has, with its children, a pcscd of its own.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

from readers.virtual.errors import NamespaceRefused

RUN: Final = Path("/run/pcscd")
_MARK: Final = RUN / "private-to-kent-card"

# Source: Linux, include/uapi/linux/{sched,mount}.h
_CLONE_NEWNS: Final = 0x0002_0000
_MS_NOSUID: Final = 0x2
_MS_NODEV: Final = 0x4
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 0x4_0000

_libc = ctypes.CDLL(None, use_errno=True)


def enter_private_namespace(*, anew: bool = False) -> None:
    """Give this process and the children it starts a /run/pcscd of their own.

    Call it before any other thread is started: a namespace belongs to the thread that enters it
    and to those which that thread starts. Once inside, a second call does nothing.

    Args:
        anew: make one even inside another, for a program that may be started from one.

    Raises:
        NamespaceRefused: not root, or the kernel refuses; the machine is as it was.
    """
    if is_private() and not anew:
        return
    if os.geteuid() != 0:
        raise NamespaceRefused(
            "virtual readers need root (sudo): they run a pcscd of their own beside the machine's"
        )
    try:
        RUN.mkdir(parents=True, exist_ok=True)
        _call("unshare", _CLONE_NEWNS)
        _stop_propagation()
        _call("mount", b"tmpfs", os.fsencode(RUN), b"tmpfs", _MS_NOSUID | _MS_NODEV, b"mode=0755")
        _MARK.touch()
    except OSError as error:
        raise NamespaceRefused(
            f"no private /run/pcscd: {error} (a container needs CAP_SYS_ADMIN and CAP_SYS_CHROOT)"
        ) from error


def is_private() -> bool:
    """Whether this process has a /run/pcscd of its own."""
    return _MARK.exists()


def _stop_propagation() -> None:
    """Keep what is mounted from here on out of the namespace this one was copied from.

    In a chroot "/" is no mount point and cannot be made private itself; what propagates is the
    mount around it, so that is made private from its own root. It is the copy that is changed:
    the namespace outside keeps its settings.
    """
    if _libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) == 0:
        return
    inside = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.chroot(RUN)  # with the root below us, ".." leads up to the root of the namespace
        os.fchdir(inside)
        while not Path("..").samefile("."):
            os.chdir("..")
        _call("mount", None, b".", None, _MS_REC | _MS_PRIVATE, None)
    finally:
        os.fchdir(inside)
        os.chroot(".")
        os.fchdir(here)
        os.close(inside)
        os.close(here)


def _call(name: str, *arguments: bytes | int | None) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
