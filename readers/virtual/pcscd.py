"""A pcscd of our own with virtual readers: started, watched and stopped by its process id."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from readers.errors import ReaderServiceDown
from readers.pcsc.channel import list_readers, pcsc_context
from readers.virtual.driver.build import build
from readers.virtual.errors import PcscdNotStarted
from readers.virtual.namespace import RUN, enter_private_namespace, is_private

__all__ = ["MOST_READERS", "Pcscd", "enter_private_namespace"]

MOST_READERS: Final = 16
"""PCSCLITE_MAX_READERS_CONTEXTS of Debian's pcscd."""

_START_PATIENCE: Final = 10.0  # seconds
_STOP_PATIENCE: Final = 5.0
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ()._-]{0,62}")


class Pcscd:
    """A running pcscd with one virtual reader per name; a context manager.

    Start it from a thread that lives as long as it shall run: the kernel ends pcscd with the
    thread that started it, so that none is ever left behind.

    Args:
        names: of the readers, 1 to 16, all different.
        directory: for the configuration and the log; made if missing.
        answer_timeout_ms: how long a card may take over an answer before it counts as mute.

    Attributes:
        readers: the names under which PC/SC lists them, in the order of ``names``.
    """

    def __init__(
        self, names: Sequence[str], directory: Path, *, answer_timeout_ms: int = 5000
    ) -> None:
        _check(names)
        self._names = tuple(names)
        self._directory = directory.resolve()  # pcscd does not stay where it is started
        self._answer_timeout_ms = answer_timeout_ms
        self._process: subprocess.Popen[bytes] | None = None
        self.readers: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What pcscd printed, over all its starts."""
        return self._directory / "pcscd.log"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._process is None else self._process.pid

    def socket_of(self, reader: str) -> Path:
        """The socket of a reader, by the name given or the one PC/SC lists it under.

        Raises:
            KeyError: there is no such reader.
        """
        for number, name in enumerate(self._names):
            if reader == name or reader in self.readers[number : number + 1]:
                # In the private directory: a path there is short enough for a socket's address,
                # wherever the project lies, and nobody outside can reach it.
                return RUN / f"r{number}.sock"
        raise KeyError(reader)

    def start(self) -> None:
        """Start it and wait until it lists every reader.

        Raises:
            DriverNotBuilt: the driver could not be compiled.
            PcscdNotStarted: pcscd is not installed, ended, or did not list the readers.
        """
        if not is_private():
            raise PcscdNotStarted("call enter_private_namespace() first")
        with contextlib.suppress(ReaderServiceDown), pcsc_context():
            raise PcscdNotStarted("a pcscd runs in this namespace already")
        library = build()
        self._write_configuration(library)
        for leftover in ("pcscd.comm", "pcscd.pid"):  # of one that was killed
            (RUN / leftover).unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "KENT_IFD_TIMEOUT_MS": str(self._answer_timeout_ms)},
                process_group=0,  # Ctrl-C is for us; we stop pcscd last
            )
        try:
            self.readers = self._wait_until_listed()
        except PcscdNotStarted:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it; nothing happens if it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End it without warning, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stop and start it; cards must be laid on the readers anew."""
        self.stop()
        self.start()

    def _command(self) -> list[str]:
        # setpriv: the kernel ends pcscd when we end, however we end
        command = [_program("setpriv", "util-linux"), "--pdeathsig", "TERM"]
        pcscd = _program("pcscd", "pcscd")
        command += [pcscd, "--foreground", "--config", str(self._directory / "reader.conf.d")]
        usage = subprocess.run([pcscd, "--help"], capture_output=True, text=True, check=False)
        if (
            "--disable-polkit" in usage.stdout + usage.stderr
        ):  # pcsc-lite 2; 1.9.9 knows no such option
            command.append("--disable-polkit")
        return command

    def _write_configuration(self, library: Path) -> None:
        folder = self._directory / "reader.conf.d"
        folder.mkdir(parents=True, exist_ok=True)
        entries = [
            f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{self.socket_of(name)}\n'
            f"LIBPATH {library.resolve()}\nCHANNELID {number}\n"
            for number, name in enumerate(self._names)
        ]
        (folder / "kent").write_text("\n".join(entries), encoding="utf-8")

    def _wait_until_listed(self) -> tuple[str, ...]:
        deadline = time.monotonic() + _START_PATIENCE
        while time.monotonic() < deadline and self._running():
            listed = self._listed()
            if len(listed) == len(self._names):
                return listed
            time.sleep(0.02)
        raise PcscdNotStarted(
            f"pcscd listed {len(self._listed())} of {len(self._names)} readers; its log ends:\n"
            + self.log_tail()
        )

    def _running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _listed(self) -> tuple[str, ...]:
        # PC/SC appends the number of the reader and of the slot: "Kent desk 00 00"
        listed = list_readers()
        found = [
            [reader for reader in listed if re.fullmatch(re.escape(name) + r" \w\w \w\w", reader)]
            for name in self._names
        ]
        return tuple(readers[0] for readers in found if readers)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines pcscd printed."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return "(no log)"


def _check(names: Sequence[str]) -> None:
    if not 1 <= len(names) <= MOST_READERS:
        raise PcscdNotStarted(f"pcscd runs 1 to {MOST_READERS} readers, not {len(names)}")
    if len(set(names)) != len(names):
        raise PcscdNotStarted("two readers have the same name")
    for name in names:
        if not _NAME.fullmatch(name):
            raise PcscdNotStarted(
                f"{name!r} cannot name a reader: up to 63 letters, digits, spaces and ().-_"
            )


def _program(name: str, package: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise PcscdNotStarted(f"{name} is missing: apt-get install {package}")
    return found
