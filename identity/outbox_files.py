"""Messages written into a directory, one readable text file each: the carrier of desk and demo."""

import asyncio
import os
from pathlib import Path

from identity.outbox import Message, Sent


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


def _write(directory: Path, message: Message) -> None:
    """One file, readable by its owner only, never seen half written."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{message.created_at:%Y%m%dT%H%M%S}-{message.kind}-{message.id}.txt"
    beside = directory / f".{name}.new"
    content = f"To: {message.to}\nDate: {message.created_at:%Y-%m-%d %H:%M} UTC\n\n{message.text}\n"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(content)
    beside.replace(directory / name)
