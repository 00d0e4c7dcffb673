"""The rule book in force: the files that come with the software, under those that were published.

A book that a decision was made with is kept for ever, text by text, so that the decision can be
made again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.errors import NoSuchBook
from entitlements.models import KeptBook, Publication, PublicationState, RuleText
from entitlements.schemes.engine import Decide, compile_traced
from entitlements.schemes.rulebook import RuleBook, built_in_book, open_book, text_digest

_KEPT_IN_MEMORY: Final = 16
_opened: Final[dict[frozenset[tuple[str, str]], RuleBook]] = {}
_compiled: Final[dict[str, Mapping[str, Decide]]] = {}


async def in_force(session: AsyncSession) -> RuleBook:
    """The book that decisions are made with now."""
    published = await published_files(session)
    if not published:
        return built_in_book()
    key = frozenset(published.items())
    if key not in _opened:
        if len(_opened) >= _KEPT_IN_MEMORY:
            _opened.clear()
        texts = await _texts(session, published)
        _opened[key] = open_book({**built_in_book().texts, **texts})
    return _opened[key]


async def published_files(session: AsyncSession) -> Mapping[str, str]:
    """File name -> digest of the text published last; files nobody published are not here."""
    query = (
        select(Publication.file, Publication.text_digest)
        .where(Publication.state == PublicationState.APPROVED)
        .order_by(Publication.number)
    )
    return {row.file: row.text_digest for row in await session.execute(query)}


async def of_digest(session: AsyncSession, digest: str) -> RuleBook:
    """A book that was kept.

    Raises:
        NoSuchBook: none was kept under that digest.
        SchemesFaulty: this version of the software cannot read it any more.
    """
    if digest == built_in_book().digest:
        return built_in_book()
    kept = await session.get(KeptBook, digest)
    if kept is None:
        raise NoSuchBook(f"No rule book is kept under {digest}.")
    return open_book(await _texts(session, kept.files))


async def keep(session: AsyncSession, book: RuleBook, *, now: datetime) -> None:
    """Keep a book for ever, unless it is kept already."""
    if await session.get(KeptBook, book.digest) is not None:
        return
    files = {name: await keep_text(session, text) for name, text in sorted(book.texts.items())}
    try:
        async with session.begin_nested():
            session.add(KeptBook(digest=book.digest, files=files, first_used_at=now))
    except IntegrityError:  # another transaction kept it meanwhile
        pass


async def keep_text(session: AsyncSession, text: str) -> str:
    """Keep a text, unless it is kept already; its digest."""
    digest = text_digest(text)
    if await session.get(RuleText, digest) is None:
        try:
            async with session.begin_nested():
                session.add(RuleText(digest=digest, text=text))
        except IntegrityError:  # another transaction kept it meanwhile
            pass
    return digest


def deciders(book: RuleBook) -> Mapping[str, Decide]:
    """Every scheme of a book, compiled once."""
    if book.digest not in _compiled:
        if len(_compiled) >= _KEPT_IN_MEMORY:
            _compiled.clear()
        _compiled[book.digest] = {
            name: compile_traced(scheme) for name, scheme in book.schemes.items()
        }
    return _compiled[book.digest]


async def _texts(session: AsyncSession, files: Mapping[str, str]) -> Mapping[str, str]:
    query = select(RuleText.digest, RuleText.text).where(RuleText.digest.in_(set(files.values())))
    texts = {row.digest: row.text for row in await session.execute(query)}
    return {name: texts[digest] for name, digest in files.items()}
