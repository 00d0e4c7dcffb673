"""Up to which number taps may have been given one: kept beside the journal, not in it.

A journal whose newest pages are damaged does not tell how far it had come. This does, and costs one
small file in :data:`AT_ONCE` taps.
"""

import os
from pathlib import Path
from typing import Final

AT_ONCE: Final = 1000
UNKNOWN: Final = 1_000_000
"""Skipped when the file is lost as well; more taps than a reader sees between two uploads."""


class Reserved:
    """The file with one number.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._up_to = self._read()

    def cover(self, sequence: int) -> None:
        """See to it that the number is known to be given out before it is.

        Raises:
            OSError: it cannot be written down.
        """
        if self._up_to is not None and sequence <= self._up_to:
            return
        up_to = sequence + AT_ONCE - 1
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("w") as file:
            file.write(str(up_to))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._sync()
        self._up_to = up_to

    def after(self, sequence: int) -> int:
        """The highest number that may have been given out, of which ``sequence`` is one."""
        if self._up_to is None:
            return sequence + UNKNOWN
        return max(sequence, self._up_to)

    def _read(self) -> int | None:
        try:
            return int(self._path.read_text())
        except (OSError, ValueError):
            return None

    def _sync(self) -> None:
        handle = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
