"""Messages written into a directory, one readable text file each: the carrier of desk and demo."""

import asyncio
import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from identity.outbox import STAMP, Message, Sent

_WRITTEN: Final = re.compile(r"\d{8}T\d{6}-[a-z-]+-[0-9a-f-]{36}\.txt")


class OutboxFiles:
    """Writes messages into a directory.

    A message that is handed over again is written again, to the same file.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def send(self, message: Message) -> Sent:
        """Write one message.

        Raises:
            OSError: the directory cannot be written; the messages go on waiting.
        """
        await asyncio.to_thread(_write, self._directory, message)
        return Sent()


def remove_files(directory: Path, names: Iterable[str]) -> None:
    """Remove written messages from the directory; those that are gone already are no fault.

    Raises:
        OSError: one cannot be removed.
    """
    for name in names:
        (directory / name).unlink(missing_ok=True)


def written_before(directory: Path, moment: datetime) -> tuple[str, ...]:
    """The names of messages in the directory that were queued before a moment."""
    if not directory.is_dir():
        return ()
    limit = f"{moment.astimezone(UTC):{STAMP}}"
    names = (path.name for path in directory.glob("*.txt"))
    return tuple(sorted(name for name in names if _WRITTEN.match(name) and name[:15] < limit))


def _write(directory: Path, message: Message) -> None:
    """One file, readable by its owner only, never seen half written."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = message.file_name
    beside = directory / f".{name}.new"
    content = f"To: {message.to}\nDate: {message.created_at:%Y-%m-%d %H:%M} UTC\n\n{message.text}\n"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(content)
    beside.replace(directory / name)
