"""The process that opens what strangers send: it answers for every file, and holds nobody up."""

import asyncio

import pytest

from entitlements.cleaning.media import Clean, Media, Refusal
from entitlements.uploads import MEGABYTE, WORDS, NotTaken, Uploads
from tests.support.files import paper, photo, with_bomb


@pytest.fixture
def uploads() -> Uploads:
    return Uploads(most_megabytes=1)


async def test_a_photo_and_a_paper_come_back_clean(uploads: Uploads) -> None:
    pictures, papers = await asyncio.gather(uploads.clean(photo()), uploads.clean(paper(pages=3)))
    assert isinstance(pictures, Clean)
    assert isinstance(papers, Clean)
    assert (pictures.media, papers.media, papers.pages) == (Media.JPEG, Media.PDF, 3)
    assert papers.content.startswith(b"%PDF-")


async def test_every_refusal_has_a_sentence_that_says_what_to_do(uploads: Uploads) -> None:
    found = await uploads.clean(b"<svg/>")
    assert found == NotTaken(Refusal.DRAWING, WORDS[Refusal.DRAWING])
    assert set(WORDS) == set(Refusal)


async def test_a_file_that_is_too_large_is_not_even_opened(uploads: Uploads) -> None:
    found = await uploads.clean(bytes(MEGABYTE + 1))
    assert isinstance(found, NotTaken)
    assert found.why is Refusal.TOO_LARGE
    assert "smaller than 1 MB" in found.sentence


@pytest.mark.slow
@pytest.mark.parametrize("twice", [False, True])
async def test_a_paper_that_unpacks_to_too_much_is_refused(
    uploads: Uploads, *, twice: bool
) -> None:
    bomb = paper(lambda pdf: with_bomb(pdf, twice=twice))
    assert len(bomb) < MEGABYTE
    found = await uploads.clean(bomb)
    assert isinstance(found, NotTaken)
    assert found.why is Refusal.TOO_DEMANDING


async def test_a_process_that_does_not_end_in_time_is_ended() -> None:
    found = await Uploads(most_megabytes=1, seconds=0.01).clean(photo())
    assert isinstance(found, NotTaken)
    assert found.why is Refusal.TOO_DEMANDING


async def test_the_event_loop_goes_on_meanwhile(uploads: Uploads) -> None:
    cleaning = asyncio.create_task(uploads.clean(photo()))
    turns = 0
    while not cleaning.done():
        await asyncio.sleep(0)
        turns += 1
    assert isinstance(await cleaning, Clean)
    assert turns > 10


async def test_when_too_many_wait_the_next_is_told_to_come_again(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entitlements.uploads.MOST_WAITING", -2)
    found = await uploads.clean(photo())
    assert isinstance(found, NotTaken)
    assert found.why is None
    assert "Wait a minute" in found.sentence
