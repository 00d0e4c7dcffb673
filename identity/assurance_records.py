"""Checks of who somebody is, recorded once: what each scored, by whom, when, how and by what.

Strength, validity and verification follow from the document and what was done with it when it was
sighted, so nobody is asked twice. History and fraud are checked elsewhere (`assurance_checks`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import person_keys, sealed
from identity.actors import Actor
from identity.assurance import (
    FACE_COMPARED,
    VALIDITY,
    Assurance,
    Piece,
    Scores,
    assurance_of,
)
from identity.db import new_id
from identity.evidence import KINDS, Proof, SeenDocument
from identity.models import AssurancePart, AssuranceScore
from identity.personal import PersonVault, Vault
from identity.trail_models import FACE_TO_FACE

_TABLE: Final = AssuranceScore.__tablename__
_COLUMN: Final = "sealed_basis"


class CheckBasis(msgspec.Struct, frozen=True):
    """How something was checked, and against what: codes for a document, words for the others."""

    how: str
    source: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded check.

    Attributes:
        how: code of an `Examination`, `photo-compared`, `photo-not-compared`, `kind`; or words.
        source: kind of the document; or what was asked, in words.
        who: the member of staff.
    """

    part: AssurancePart
    score: int
    at: datetime
    who: str
    how: str
    source: str
    document_id: UUID | None


class Recorded(msgspec.Struct, frozen=True):
    """Every check, oldest first, and what they amount to."""

    checks: tuple[Check, ...]
    found: Assurance


async def keep(
    session: AsyncSession,
    personal: PersonVault,
    document: SeenDocument,
    account_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Keep a document that was seen, and what it scores if it shows who somebody is."""
    row = sealed.new_document(personal, document, account_id, actor, now)
    session.add(row)
    await session.flush()
    if document.proof is Proof.IDENTITY:
        for part, score, how in _scores(document, is_away=is_away(actor)):
            basis = CheckBasis(how, document.kind)
            session.add(new_score(personal, account_id, part, score, basis, row.id, actor, now))
        await session.flush()


def is_away(actor: Actor) -> bool:
    """Whether the actor acts for a resident who is not there in person."""
    return actor.basis is not None and actor.basis.presence not in FACE_TO_FACE


def fault_in_comparing(document: SeenDocument, actor: Actor) -> str | None:
    """What is wrong with having compared somebody with a photo; None when nothing is."""
    if document.photo_matched and is_away(actor):
        return "They are not here in person to be compared with the photo"
    return None


async def of_account(session: AsyncSession, vault: Vault, account_id: UUID) -> Recorded:
    """Every check of a resident and what they amount to."""
    rows = await session.scalars(
        select(AssuranceScore)
        .where(AssuranceScore.account_id == account_id)
        .order_by(AssuranceScore.at, AssuranceScore.part, AssuranceScore.id)
    )
    personal = await person_keys.for_reading(session, vault, account_id)
    checks = tuple(_check(personal, row) for row in rows)
    return Recorded(checks, assurance_of(scores_of(checks)))


def new_score(
    personal: PersonVault,
    account_id: UUID,
    part: AssurancePart,
    score: int,
    basis: CheckBasis,
    document_id: UUID | None,
    actor: Actor,
    now: datetime,
) -> AssuranceScore:
    """The row of one check."""
    row_id = new_id()
    as_json = msgspec.json.encode(basis).decode()
    return AssuranceScore(
        id=row_id,
        account_id=account_id,
        document_id=document_id,
        part=part,
        score=score,
        at=now,
        by_kind=actor.kind,
        by_id=actor.id,
        by_label=actor.label,
        sealed_basis=personal.seal(_TABLE, _COLUMN, row_id, as_json),
    )


def scores_of(checks: Iterable[Check]) -> Scores:
    """What checks scored together: of history and fraud the newest, of verification the best.

    Args:
        checks: oldest first.
    """
    newest: dict[AssurancePart, int] = {}
    documents: dict[UUID, dict[AssurancePart, int]] = {}
    for check in checks:
        if check.document_id is None:
            newest[check.part] = check.score
        else:
            documents.setdefault(check.document_id, {})[check.part] = check.score
    return Scores(
        pieces=tuple(_piece(each) for each in documents.values()),
        activity=newest.get(AssurancePart.ACTIVITY, 0),
        fraud=newest.get(AssurancePart.FRAUD, 0),
        verification=max(
            (each.get(AssurancePart.VERIFICATION, 0) for each in documents.values()), default=0
        ),
    )


def _piece(scored: Mapping[AssurancePart, int]) -> Piece:
    return Piece(scored.get(AssurancePart.STRENGTH, 0), scored.get(AssurancePart.VALIDITY, 0))


def _scores(document: SeenDocument, *, is_away: bool) -> Sequence[tuple[AssurancePart, int, str]]:
    compared = document.photo_matched and not is_away
    return (
        (AssurancePart.STRENGTH, KINDS[document.kind].strength, "kind"),
        (AssurancePart.VALIDITY, VALIDITY[document.examined], document.examined.value),
        (
            AssurancePart.VERIFICATION,
            FACE_COMPARED if compared else 0,
            "photo-compared" if compared else "photo-not-compared",
        ),
    )


def _check(personal: PersonVault, row: AssuranceScore) -> Check:
    as_json = personal.open(_TABLE, _COLUMN, row.id, row.sealed_basis)
    basis = msgspec.json.decode(as_json, type=CheckBasis)
    return Check(
        part=row.part,
        score=row.score,
        at=row.at,
        who=row.by_label,
        how=basis.how,
        source=basis.source,
        document_id=row.document_id,
    )
