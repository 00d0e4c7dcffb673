"""How sure we are that somebody is who they say: a level, from the scores of five checks.

Pure: scores in, a level out, by one table of profiles. The scores and how they came about are
recorded (`assurance_records`); the level never is.
Source: *How to prove and verify someone's identity* (GPG 45), Government Digital Service, GOV.UK,
edition of 14 November 2024; Open Government Licence v3.0. The table: identity/tables/SOURCES.md.
"""

import csv
from collections.abc import Sequence
from enum import StrEnum
from importlib.resources import files
from typing import Final

import msgspec

from identity.evidence import Examination


class AssuranceLevel(StrEnum):
    """What an account may be relied on for."""

    SELF_ASSERTED = "self-asserted"
    SEEN_AT_GATEWAY = "seen-at-gateway"


class Confidence(StrEnum):
    """What GPG 45 calls the outcome of a profile. We offer no way to reach more than medium."""

    LOW = "low"
    MEDIUM = "medium"


class Piece(msgspec.Struct, frozen=True):
    """A piece of evidence of identity: strength and validity, 0 to 4 each."""

    strength: int
    validity: int


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks of one person scored; 0 is a check that nobody made.

    Attributes:
        pieces: of every document taken as evidence of identity.
        activity: that the identity has existed over time.
        fraud: that it is not at risk of identity fraud.
        verification: that it belongs to the person who was there.
    """

    pieces: tuple[Piece, ...] = ()
    activity: int = 0
    fraud: int = 0
    verification: int = 0


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A combination of least scores; `pieces` from the most demanding to the least."""

    name: str
    confidence: Confidence
    pieces: tuple[Piece, ...]
    activity: int
    fraud: int
    verification: int


class Assurance(msgspec.Struct, frozen=True):
    """The level, and the profile that is met; None when none is."""

    level: AssuranceLevel
    profile: Profile | None


def _profiles() -> tuple[Profile, ...]:
    table = files("identity") / "tables" / "gpg45_profiles.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return tuple(
        Profile(
            name=row["name"],
            confidence=Confidence(row["confidence"]),
            pieces=tuple(Piece(*map(int, piece.split(":"))) for piece in row["evidence"].split()),
            activity=int(row["activity"]),
            fraud=int(row["fraud"]),
            verification=int(row["verification"]),
        )
        for row in rows
    )


PROFILES: Final = _profiles()
"""Medium first, then low: the first that is met counts."""

VALIDITY: Final = {
    Examination.COPY_SEEN: 0,
    Examination.LOOKED_AT: 1,
    Examination.FEATURES_CHECKED: 2,
}
"""What an examination scores: at a desk 1 or 2, of a copy that was sent to us nothing. 3 and 4 need
instruments or the issuer: neither is here.

Source: GPG 45, *Check the evidence is genuine or valid*.
"""
FACE_COMPARED: Final = 2
"""What comparing the person with the photo, face to face, scores.

Source: GPG 45, *Check that the identity belongs to the person who's claiming it*.
"""


def assurance_of(scores: Scores) -> Assurance:
    """The level that scores amount to. A check that was not made never counts as made."""
    met = next((profile for profile in PROFILES if _meets(scores, profile)), None)
    level = AssuranceLevel.SEEN_AT_GATEWAY if met else AssuranceLevel.SELF_ASSERTED
    return Assurance(level, met)


def _meets(scores: Scores, profile: Profile) -> bool:
    return (
        scores.activity >= profile.activity
        and scores.fraud >= profile.fraud
        and scores.verification >= profile.verification
        and _covers(scores.pieces, profile.pieces)
    )


def _covers(pieces: Sequence[Piece], wanted: Sequence[Piece]) -> bool:
    """Whether each wanted piece has one of its own.

    What will do for a more demanding one will do for the next, so that counting is enough.
    """
    return all(
        sum(has.strength >= least.strength and has.validity >= least.validity for has in pieces)
        > place
        for place, least in enumerate(wanted)
    )
