"""The documents a clerk may accept, what each proves, and how old it may be.

Evidence entered once serves every scheme: a sighted document is kept with its kind and date, and
each scheme judges it by its own rules. A kind that proves a benefit or a disability has the name
that the rules give it; a disability has a kind for each category of the Transport Act 2000 s.146.
Source: kent.gov.uk, medway.gov.uk and better.org.uk (identity/tables/SOURCES.md).
"""

import csv
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Final

import msgspec

from identity.dates import months_before, parse_date


class Proof(StrEnum):
    """What a document is taken as proof of."""

    IDENTITY = "identity"
    ADDRESS = "address"
    BENEFIT = "benefit"
    DISABILITY = "disability"


class Examination(StrEnum):
    """How a document was looked at, to see whether it is genuine."""

    COPY_SEEN = "copy-seen"
    LOOKED_AT = "looked-at"
    FEATURES_CHECKED = "features-checked"


class DocumentKind(msgspec.Struct, frozen=True):
    """A kind of document.

    Attributes:
        kind: its permanent name, such as `utility-bill`.
        name: what people call it.
        proves: what it may be taken as proof of.
        max_age_months: the oldest it may be when it is seen; 0 is the same day, None any age.
        must_state_expiry: whether it counts only until the expiry date printed on it.
        or_until_stated: whether it may be older if it states a day until which it holds.
        strength: as evidence of identity, 1 to 4 (GPG 45); 0 for what is not taken as such.
        has_photo: whether a face can be compared with it.
    """

    kind: str
    name: str
    proves: frozenset[Proof]
    max_age_months: int | None
    must_state_expiry: bool
    or_until_stated: bool
    strength: int
    has_photo: bool


class DocumentShown(msgspec.Struct, frozen=True):
    """A document as a clerk enters it. Dates are dates, or text as typed; empty when not stated.

    Attributes:
        kind: a key of `KINDS`.
        dated_on: the date on the document.
        expires_on: the date on which it ends, or its expected duration does.
        examined: code of an `Examination`; empty when it was looked at and no more is said.
        photo_matched: whether the person was compared with the photo on it, and is that person.
    """

    kind: str
    dated_on: date | str = ""
    expires_on: date | str = ""
    examined: str = ""
    photo_matched: bool = False


class SeenDocument(msgspec.Struct, frozen=True):
    """A document that was checked and accepted, as proof of one thing.

    What was not said of how it was checked is the least: so are documents from before it was asked.
    """

    kind: str
    proof: Proof
    dated_on: date | None
    expires_on: date | None
    examined: Examination = Examination.LOOKED_AT
    photo_matched: bool = False


def _kinds() -> Mapping[str, DocumentKind]:
    table = files("identity") / "tables" / "evidence_types.csv"
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return {
        row["kind"]: DocumentKind(
            kind=row["kind"],
            name=row["name"],
            proves=frozenset(Proof(proof) for proof in row["proves"].split()),
            max_age_months=int(row["max_age_months"]) if row["max_age_months"] else None,
            must_state_expiry=row["must_state_expiry"] == "yes",
            or_until_stated=row["or_until_stated"] == "yes",
            strength=int(row["strength"]),
            has_photo=row["has_photo"] == "yes",
        )
        for row in rows
    }


_NO_PHOTO: Final = "A document of this kind has no photo to compare somebody with"

KINDS: Mapping[str, DocumentKind] = _kinds()


def check_document(
    shown: DocumentShown, proof: Proof, *, on: date
) -> SeenDocument | Mapping[str, str]:
    """Judge a document shown as proof of something.

    Returns:
        The document as it will be kept, or its faults: part (`kind`, `dated_on`, `expires_on`,
        `examined`, `photo`) -> message.
    """
    kind = KINDS.get(shown.kind)
    if kind is None:
        return {"kind": "Select the document you have seen"}
    if proof not in kind.proves:
        return {"kind": f"{kind.name}: not accepted as proof of {proof}"}
    dated_on, expires_on = _date(shown.dated_on), _date(shown.expires_on)
    said = shown.examined or Examination.LOOKED_AT.value
    examined = next((each for each in Examination if each.value == said), None)
    faults = {
        "dated_on": _fault_in_date(kind, dated_on, on)
        or _fault_in_age(kind, dated_on, expires_on, on),
        "expires_on": _fault_in_expiry(kind, expires_on, on),
        "examined": None if examined else "Select how you checked it",
        "photo": _NO_PHOTO if shown.photo_matched and not kind.has_photo else None,
    }
    found = {part: fault for part, fault in faults.items() if fault is not None}
    if found or examined is None or isinstance(dated_on, str) or isinstance(expires_on, str):
        return found
    return SeenDocument(kind.kind, proof, dated_on, expires_on, examined, shown.photo_matched)


def shows_both(shown: SeenDocument, seen: Iterable[SeenDocument]) -> bool:
    """Whether the same kind of document would prove both who somebody is and where they live.

    Source: kent.gov.uk: a driving licence proves identity if it is not used for the address.
    """
    both = {Proof.IDENTITY, Proof.ADDRESS}
    return any(each.kind == shown.kind and {each.proof, shown.proof} == both for each in seen)


SHOWS_BOTH: Final = "The same document cannot prove both who somebody is and where they live"


def is_shown(
    proof: Proof, seen: Iterable[tuple[SeenDocument, date]], *, since: date = date.min
) -> bool:
    """Whether a document shown as that proof was sighted on a day or after it.

    Until one was, what a resident says of themselves is unknown to every rule.

    Args:
        proof: of what.
        seen: documents with the days on which they were sighted.
        since: the first day that counts, as of an address that one moved to.
    """
    return any(document.proof is proof and on >= since for document, on in seen)


def sole_proof(kind: str) -> Proof | None:
    """What a kind of document is proof of, when that is one thing only; otherwise None."""
    proves = KINDS[kind].proves if kind in KINDS else frozenset()
    return next(iter(proves)) if len(proves) == 1 else None


def _date(typed: date | str) -> date | str | None:
    """A date, None when nothing was typed, or the text that is not a date."""
    if isinstance(typed, date):
        return typed
    return (parse_date(typed) or typed) if typed.strip() else None


def _fault_in_date(kind: DocumentKind, dated_on: date | str | None, on: date) -> str | None:
    if isinstance(dated_on, str):
        return "Enter a real date, like 31/07/2026"
    if dated_on is None:
        return None if kind.max_age_months is None else "Enter the date on the document"
    return "The date on the document must not be in the future" if dated_on > on else None


def _fault_in_age(
    kind: DocumentKind, dated_on: date | str | None, expires_on: date | str | None, on: date
) -> str | None:
    months = kind.max_age_months
    if months is None or not isinstance(dated_on, date) or dated_on >= months_before(on, months):
        return None
    if months == 0:
        return "The record must be checked on the day"
    fault = f"The document must be dated within the last {months} months"
    if not kind.or_until_stated:
        return fault
    if isinstance(expires_on, date) and expires_on >= on:
        return None
    return f"{fault}, or state a day until which it holds"


def _fault_in_expiry(kind: DocumentKind, expires_on: date | str | None, on: date) -> str | None:
    if isinstance(expires_on, str):
        return "Enter a real date, like 31/07/2026"
    if expires_on is None:
        return "Enter the date on which the document expires" if kind.must_state_expiry else None
    return "The document has expired" if expires_on < on else None
