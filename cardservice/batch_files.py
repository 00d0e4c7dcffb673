"""The file of a batch: what printing and posting needs of each holder, and nothing more of them.

Which parts of a card are printed its product says; what its face does not show is not in the file.
A birth date, an account number or an entitlement never is.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import batches, bureau_files, faces, photos, printing
from cardservice.bureau_models import BatchRow, BatchState, Bureau, ProductionBatch, RowState
from cardservice.errors import BatchNotReady, NoPhoto, NothingToMake
from cardservice.models import Card, CardState
from cardservice.photo_models import PhotoStage
from entitlements import carriers
from identity import accounts, audit
from identity.accounts import Person
from identity.actors import Actor
from identity.keys import KeyStore, Purpose
from identity.models import Account, AccountState
from identity.personal import Vault

WHY: Final = "To have your card printed and posted to you"
FIELDS: Final[Mapping[str, str]] = {
    "name": "name",
    "number": "number",
    "code": "code",
    "last day": "last_day",
    "colour strip": "strip",
}
"""What a face shows, as products name it -> the field of a row that says it."""
PHOTO: Final = "photograph"
_CAN_BE_SENT: Final = frozenset({BatchState.RELEASED, BatchState.SENT})


class Means(msgspec.Struct, frozen=True):
    """What making a file needs of the server.

    Attributes:
        institution: four digits of the numbers that are printed.
    """

    keystore: KeyStore
    vault: Vault
    institution: str


class SealedFile(msgspec.Struct, frozen=True):
    """A file for a bureau.

    Attributes:
        name: under which it is saved.
        digest: SHA-256 of what was sealed, in hexadecimal digits: the trail names it.
    """

    name: str
    data: bytes
    rows: int
    digest: str


class Post(msgspec.Struct, frozen=True):
    """Where a card is posted."""

    name: str
    lines: tuple[str, ...]
    postcode: str


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One card to print and post; what its face does not show is absent.

    Attributes:
        row: its number in the batch, by which results name it.
        number: fourteen digits in groups.
        code: six digits.
        last_day: the last day on which the card may be used.
        strip: colour of the strip.
        photo: JPEG in base64; absent where there is none.
        face: the whole face as SVG, which finds its photo in `ROW.jpg`.
    """

    row: int
    post: Post
    name: str = ""
    number: str = ""
    code: str = ""
    last_day: date | None = None
    strip: str = ""
    photo: bytes = b""
    face: str = ""


class Head(msgspec.Struct, frozen=True):
    """The first line of a file."""

    batch: str
    bureau: str
    product: str
    rows: int


async def export(
    session: AsyncSession, means: Means, batch: ProductionBatch, *, actor: Actor, now: datetime
) -> SealedFile:
    """The file of a locked batch, signed by the council and sealed for the bureau, each time anew.

    With the first file the batch is sent. A row whose order was cancelled, or whose holder died or
    is protected since, is left out, and withdrawn where it never left the house. Every resident
    sees that their record was read for this.

    Raises:
        BatchNotReady: it was not released, or is closed.
        NothingToMake: every row has been withdrawn.
    """
    if batch.state not in _CAN_BE_SENT:
        raise BatchNotReady("Another person must release this batch before it leaves the house.")
    rows = []
    for row, card in await _cards(session, batch):
        line = await _line(session, means, row, card, actor=actor, now=now)
        if line is not None:
            rows.append(line)
            row.state = RowState.SENT
        elif row.state is RowState.WAITING:
            row.state = RowState.WITHDRAWN
    if not rows:
        raise NothingToMake("Every order of this batch was cancelled. Cancel the batch.")
    if batch.state is BatchState.RELEASED:
        batch.state, batch.sent_at = BatchState.SENT, now
    await session.flush()
    made = await _sealed(session, means, batch, rows)
    detail: audit.Detail = {"rows": made.rows, "digest": made.digest}
    batches.note(session, "batch-downloaded", batch, actor=actor, now=now, detail=detail)
    return made


async def _cards(session: AsyncSession, batch: ProductionBatch) -> list[tuple[BatchRow, Card]]:
    query = (
        select(BatchRow, Card)
        .join(Card, Card.id == BatchRow.card_id)
        .where(BatchRow.batch_id == batch.id, BatchRow.state.in_(batches.UNDER_WAY))
        .order_by(BatchRow.number)
    )
    return [(row, card) for row, card in (await session.execute(query)).all()]


async def _line(
    session: AsyncSession,
    means: Means,
    row: BatchRow,
    card: Card,
    *,
    actor: Actor,
    now: datetime,
) -> Row | None:
    """One row; None when its card must not be made by a bureau any more."""
    holder = await session.get_one(Account, card.account_id)
    if card.state is not CardState.ORDERED and row.state is RowState.WAITING:
        return None
    gone = card.state not in {CardState.ORDERED, CardState.PERSONALISED}
    if gone or holder.state is not AccountState.ACTIVE or holder.address_protected:
        return None
    person = await accounts.person(
        session, means.vault, holder.id, actor=actor, reason=WHY, now=now
    )
    await carriers.announce(
        session, means.vault, holder.id, card.id, institution=means.institution, now=now
    )
    printed = await carriers.printed(session, means.vault, card.id)
    if printed is None:
        raise BatchNotReady("A card has no number to print.")
    made = _printed(row.number, person, card, *printed)
    photo = b""
    if PHOTO in printing.product_of(card).face:
        photo = await _photo(session, means, card, actor, now)
    face = await printing.face_of(
        session,
        means.vault,
        card,
        person.full_name,
        photo_at=f"{row.number}.jpg",
        actor=actor,
        now=now,
    )
    return msgspec.structs.replace(made, photo=photo, face=face)


async def _photo(
    session: AsyncSession, means: Means, card: Card, actor: Actor, now: datetime
) -> bytes:
    try:
        return await photos.show(
            session, means.vault, card.account_id, PhotoStage.CARD, actor=actor, now=now
        )
    except NoPhoto:
        return b""


def _printed(row: int, person: Person, card: Card, number: str, code: str) -> Row:
    """What the face shows, and where it is posted."""
    parts: dict[str, Any] = {
        "name": person.full_name,
        "number": faces.grouped(number),
        "code": code,
        "last_day": card.expires_on,
        "strip": card.strip or "",
    }
    shown = printing.product_of(card).face
    return Row(
        row=row,
        post=Post(person.full_name, person.address_lines, person.postcode),
        **{field: parts[field] for part, field in FIELDS.items() if part in shown},
    )


async def _sealed(
    session: AsyncSession, means: Means, batch: ProductionBatch, rows: Sequence[Row]
) -> SealedFile:
    bureau = await session.get_one(Bureau, batch.bureau_id)
    head = Head(str(batch.id), bureau.name, batch.product, len(rows))
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in (head, *rows))
    key = means.keystore.current(Purpose.BUREAU_SIGN)
    signed = bureau_files.sign(
        bureau_files.BATCH_TYPE,
        lines,
        key_id=key.wire.decode(),
        signature=lambda data: means.keystore.sign(key, data),
    )
    data = bureau_files.seal(signed, bureau.sealing_key)
    digest = hashlib.sha256(lines).hexdigest()
    return SealedFile(f"kentcard-batch-{batch.id}.jwe", data, len(rows), digest)
