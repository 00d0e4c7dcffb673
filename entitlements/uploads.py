"""Files that people send as evidence: taken in, made safe elsewhere, or refused with a sentence.

The work is done in a process of its own with little memory and time (`entitlements.cleaning`); the
event loop only waits. That process is given no setting, no key and no other file.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
import structlog

from entitlements.cleaning.__main__ import Answer
from entitlements.cleaning.media import Clean, Refusal

MEGABYTE: Final = 1024 * 1024
SECONDS: Final = 30.0
"""By the clock, also when the machine is busy; of the processor it may have half of that."""
PLACES: Final = 2
MOST_WAITING: Final = 20
_LOG: Final = structlog.get_logger(__name__)


class NotTaken(msgspec.Struct, frozen=True):
    """A file that was not taken, and what its sender can do."""

    why: Refusal | None
    sentence: str


class Uploads:
    """Where files are made safe, a few at a time.

    Args:
        most_megabytes: the largest file that is taken.
        seconds: how long one file may take.
    """

    def __init__(self, *, most_megabytes: int, seconds: float = SECONDS) -> None:
        self.most_megabytes = most_megabytes
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(PLACES, thread_name_prefix="uploads")
        self._under_way = 0

    async def clean(self, content: bytes) -> Clean | NotTaken:
        """Make a file safe; or say why it cannot be taken."""
        return await self._made(content, ())

    async def photo(self, content: bytes) -> Clean | NotTaken:
        """Make a photo of a person safe, to choose the part of it that is printed."""
        return await self._made(content, ("photo",))

    async def portrait(self, content: bytes, frame: str) -> Clean | NotTaken:
        """The part of a photo that is printed; the frame as `cleaning.portraits.Frame` reads it."""
        return await self._made(content, ("photo", frame))

    async def _made(self, content: bytes, wanted: tuple[str, ...]) -> Clean | NotTaken:
        if len(content) > self.most_megabytes * MEGABYTE:
            return self.too_large()
        if self._under_way >= PLACES + MOST_WAITING:
            return NotTaken(None, BUSY)
        self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(
                self._threads, _in_a_process, content, self._seconds, wanted
            )
        finally:
            self._under_way -= 1
        if isinstance(found, Clean):
            return found
        _LOG.info("upload refused", why=found.value)
        return NotTaken(found, WORDS[found])

    def too_large(self) -> NotTaken:
        """The refusal of a file that is larger than may be."""
        words = WORDS[Refusal.TOO_LARGE].format(megabytes=self.most_megabytes)
        return NotTaken(Refusal.TOO_LARGE, words)


def _in_a_process(content: bytes, seconds: float, wanted: tuple[str, ...]) -> Clean | Refusal:
    """What the process answers; one that dies or does not end had a file that was too much."""
    try:
        ended = subprocess.run(
            [sys.executable, "-s", "-B", "-m", "entitlements.cleaning", *wanted],
            input=content,
            capture_output=True,
            timeout=seconds,
            check=False,
            cwd="/",
            env={"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
        )
    except subprocess.TimeoutExpired:
        return Refusal.TOO_DEMANDING
    if ended.returncode:
        _LOG.warning("cleaning ended early", code=ended.returncode)
        return Refusal.TOO_DEMANDING
    line, _, made = ended.stdout.partition(b"\n")
    answer = msgspec.json.decode(line, type=Answer)
    if answer.media is None:
        return answer.refused or Refusal.DAMAGED
    return Clean(answer.media, answer.pages, made)


WORDS: Final[Mapping[Refusal, str]] = {
    Refusal.EMPTY: "The selected file is empty. Select a photo, or a PDF of the document",
    Refusal.TOO_LARGE: "The selected file must be smaller than {megabytes} MB. Take the photo "
    "again with a smaller size, or scan fewer pages at a time",
    Refusal.NOT_TAKEN: "The selected file must be a PDF, JPG or PNG. Take a photo of the document "
    "and select that",
    Refusal.PHONE_PHOTO: "The photo is in a format that we cannot open (HEIC). Take it again with "
    "the phone’s camera set to “most compatible”, or send a screenshot of it",
    Refusal.WORD_FILE: "The selected file is from an office program. Save it as a PDF and select "
    "that",
    Refusal.DRAWING: "The selected file is a web page or a drawing. Take a photo of the document, "
    "or print it to a PDF, and select that",
    Refusal.DAMAGED: "The selected file is damaged or was cut short. Take the photo or scan the "
    "document again",
    Refusal.LOCKED: "The selected PDF needs a password. Save a copy without one, or take a photo "
    "of the document",
    Refusal.NO_PICTURE: "The selected file must be a photo, as a JPG or PNG. A PDF cannot be "
    "printed on a card",
    Refusal.TOO_FEW_PIXELS: "The photo is too small to print. Take it again from nearer, or choose "
    "a larger part of it",
    Refusal.TOO_MANY_PIXELS: "The picture is too large. Take the photo again with a smaller size",
    Refusal.TOO_MANY_PAGES: "The selected PDF must have 50 pages or fewer. Send only the pages "
    "that we need",
    Refusal.TOO_DEMANDING: "We could not open the selected file safely. Take a photo of the "
    "document and select that",
}
"""What the sender of a file reads."""
BUSY: Final = "Many people are sending files at this moment. Wait a minute and send it again"
