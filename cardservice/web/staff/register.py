"""A clerk registers a resident whose two documents they have seen."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.forms import Typed, document_shown, typed_day, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.records import BASIS_WORDS
from cardservice.web.staff.reasons import ReadReason
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from entitlements import assessing
from identity import accounts, guardians, registrations
from identity.dates import parse_date
from identity.details import NewResident
from identity.errors import InvalidDetails
from identity.evidence import KINDS, Proof
from identity.guardians import NewGuardian
from identity.personal import Vault
from identity.places import DISTRICTS
from identity.roles import Act

TEMPLATE: Final = "staff/register.html"
OPT: Final = {ACT: Act.REGISTER_RESIDENT}
ADDRESS_LINES: Final = ("address_lines", "address_line_2", "town")


@get("/residents/new", opt=OPT)
async def ask(request: AnyRequest, settings: NamedDependency[Settings]) -> Response[str]:
    """Show the empty form."""
    return _form(request, settings, {}, {})


@post("/residents/new", status_code=200, opt=OPT)
async def register(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Register, decide what they may have, and show the record; or say what is wrong."""
    typed = await typed_in(request)
    actor = request.user.actor
    guardian = _guardian(typed, settings.minimum_age, now)
    try:
        async with session.begin_nested():  # the resident with their guardian, or nobody
            account = await accounts.register(
                session, vault, new_resident(typed), actor=actor, now=now
            )
            if guardian is not None:
                await guardians.record(session, vault, account.id, guardian, actor=actor, now=now)
    except InvalidDetails as invalid:
        return _form(request, settings, typed, invalid.faults)
    await assessing.assess(session, vault, account.id, actor=actor, now=now)
    return see_other(
        f"/staff/residents/{account.id}?reason={ReadReason.REGISTERED}&done=registered"
    )


def new_resident(typed: Typed) -> NewResident:
    """The form as `identity` takes it; it judges every field."""
    return NewResident(
        given_names=typed.get("given_names", ""),
        family_name=typed.get("family_name", ""),
        birth_date=typed_day(typed, "birth_date"),
        address_lines=tuple(typed.get(field, "") for field in ADDRESS_LINES),
        postcode=typed.get("postcode", ""),
        email=typed.get("email", ""),
        identity_document=document_shown(typed, "identity_document."),
        address_document=document_shown(typed, "address_document."),
        confirmed_district=typed.get("confirmed_district", ""),
        confirmation_reason=typed.get("confirmation_reason", ""),
    )


def kinds_for(*proofs: Proof) -> tuple[tuple[str, str], ...]:
    """The kinds of document that prove one of these, to choose from."""
    wanted = frozenset(proofs)
    return tuple((kind.kind, kind.name) for kind in KINDS.values() if kind.proves & wanted)


def _guardian(typed: Typed, least_age: int, now: datetime) -> NewGuardian | None:
    """Who answers for them, of somebody young; or of anybody for whom the form names one."""
    entered = NewGuardian(
        number=typed.get("guardian_number", ""),
        name=typed.get("guardian_name", ""),
        basis=typed.get("guardian_basis", ""),
    )
    born = parse_date(typed_day(typed, "birth_date"))
    is_young = born is not None and registrations.is_too_young(born, least_age, now=now)
    return entered if is_young or entered != NewGuardian() else None


def _form(
    request: AnyRequest, settings: Settings, typed: Typed, faults: Mapping[str, str]
) -> Response[str]:
    confirming = any(field in faults or field in typed for field in _CONFIRMATION)
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=_in_order(faults),
        typed=typed,
        confirming=confirming,
        districts=tuple((district.code, district.name) for district in DISTRICTS.values()),
        identity_kinds=kinds_for(Proof.IDENTITY),
        address_kinds=kinds_for(Proof.ADDRESS),
        age=settings.minimum_age,
        bases=[(basis.value, words) for basis, words in BASIS_WORDS.items()],
    )


_CONFIRMATION: Final = ("confirmed_district", "confirmation_reason")
_DOCUMENT_PARTS: Final = ("kind", "dated_on", "expires_on", "examined", "photo")
_ORDER: Final = (
    "given_names",
    "family_name",
    "birth_date",
    "email",
    "guardian_number",
    "guardian_name",
    "guardian_basis",
    "address_lines",
    "postcode",
    *_CONFIRMATION,
    *(f"identity_document.{part}" for part in _DOCUMENT_PARTS),
    *(f"address_document.{part}" for part in _DOCUMENT_PARTS),
)


def _in_order(faults: Mapping[str, str]) -> dict[str, str]:
    """The faults in the order of the fields; one of a field that is not on the page comes last."""
    places = {field: place for place, field in enumerate(_ORDER)}
    return dict(sorted(faults.items(), key=lambda item: places.get(item[0], len(places))))
