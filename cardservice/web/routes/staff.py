"""What staff meet: their way in, and the console, of which each role has its part."""

from collections.abc import Sequence
from typing import Final

from litestar import Router
from litestar.types import ControllerRouterHandler

from cardservice.web.defences import our_own_form
from cardservice.web.doors import not_too_many
from cardservice.web.guards import signed_in
from cardservice.web.routes.alike import APPLYING, OWN_SIGN_IN
from cardservice.web.staff import (
    activation,
    addresses,
    application_decisions,
    application_evidence,
    applications,
    assisted,
    assisted_trail,
    batches,
    bus_passes,
    card_face,
    card_moves,
    cards,
    checks,
    contact,
    documents,
    duplicates,
    erasures,
    facts,
    forgotten,
    front_desk,
    issue,
    letter,
    lost_app,
    making,
    partners,
    people,
    photos,
    queue,
    readers,
    register,
    renewals,
    resident,
    rule_changes,
    rules,
    search,
    second_factor,
    tap_findings,
    terminals,
    trail,
)
from cardservice.web.staff import charges as staff_charges
from cardservice.web.staff import grants as staff_grants
from cardservice.web.staff import passkey as staff_passkey
from cardservice.web.staff import password as staff_password
from cardservice.web.staff import phones as staff_phones
from cardservice.web.staff import requests as staff_requests
from cardservice.web.staff import sign_in as staff_sign_in
from cardservice.web.staff.rights import acting_for, role_may
from cardservice.web.visitors import Part

_RECORDS: Final[Sequence[ControllerRouterHandler]] = (
    search.ask,
    search.search,
    register.ask,
    register.register,
    activation.give,
    duplicates.judge,
    resident.show,
    staff_phones.report_lost,
    bus_passes.ask,
    bus_passes.link,
    bus_passes.unlink,
    documents.ask,
    documents.record,
    checks.ask,
    checks.record,
    facts.ask,
    facts.tell,
    assisted.ask,
    assisted.begin,
    assisted.show,
    assisted.end,
    contact.ask,
    contact.change,
    addresses.ask,
    addresses.change,
    addresses.protect,
    addresses.unprotect,
    staff_requests.ask_correction,
    staff_requests.request_correction,
    staff_requests.ask_death,
    staff_requests.report_death,
    staff_requests.ask_false_report,
    staff_requests.report_false,
    erasures.ask,
    erasures.request_erasure,
    erasures.ask_to_keep,
    erasures.request_keeping,
    erasures.stop,
    lost_app.ask,
    lost_app.forget,
    staff_grants.ask,
    staff_grants.suspend,
    staff_grants.ask_resume,
    staff_grants.resume,
)
"""Residents and what is on their record."""

_CARDS: Final[Sequence[ControllerRouterHandler]] = (
    card_face.show_face,
    cards.order_card,
    cards.report_card,
    cards.change_card,
    issue.show,
    issue.issue,
    making.show,
    letter.show,
    photos.show,
    photos.send,
    photos.cut,
    photos.remove,
    photos.picture,
    front_desk.show,
    batches.show,
    batches.make,
    batches.show_one,
    batches.release,
    batches.cancel,
    batches.download,
    batches.take_results,
    renewals.show,
    renewals.preview,
    renewals.begin,
    renewals.answer,
    card_moves.move_card,
    card_moves.order_faces,
    staff_charges.take,
    staff_charges.waive,
    staff_charges.refund,
)
"""Cards: made, moved, paid for, in bulk."""

_APPLICATIONS: Final[Sequence[ControllerRouterHandler]] = (
    applications.show,
    applications.show_one,
    applications.claim,
    applications.release,
    applications.hand_over,
    application_evidence.show_file,
    application_evidence.accept,
    application_evidence.refuse,
    application_evidence.sighted,
    application_decisions.decide,
    application_decisions.find_out,
)
"""What residents applied for."""

_COUNCIL: Final[Sequence[ControllerRouterHandler]] = (
    readers.show,
    readers.pair,
    readers.let_go,
    queue.show,
    queue.approve,
    queue.refuse,
    people.show,
    people.change_role,
    people.change_access,
    people.set_email,
    people.reset_password,
    people.set_own_account,
    partners.show,
    partners.ask,
    partners.add,
    terminals.show,
    rules.show,
    rules.show_file,
    rules.ask_new,
    rules.ask,
    rule_changes.show,
    rule_changes.approve,
    rule_changes.refuse,
    rule_changes.show_who,
    tap_findings.show,
    tap_findings.show_one,
    tap_findings.close,
    trail.show,
    trail.narrow,
    assisted_trail.show,
    assisted_trail.narrow,
)
"""Staff, partners, readers, rules, and what was done."""


_OWN: Final[Sequence[ControllerRouterHandler]] = (
    staff_sign_in.sign_out,
    *OWN_SIGN_IN,
    staff_password.ask,
    staff_password.change,
)
"""Their own sign-in."""


def staff() -> list[Router]:
    """Sign-in and console."""
    opt = {"part": Part.STAFF}
    guards = [signed_in, role_may, our_own_form, acting_for]
    return [
        Router(
            Part.STAFF.sign_in,
            route_handlers=[
                staff_sign_in.ask,
                staff_sign_in.sign_in,
                staff_passkey.sign_in,
                second_factor.ask_code,
                second_factor.give_code,
                second_factor.ask_recovery_code,
                second_factor.give_recovery_code,
                second_factor.show_app,
                second_factor.confirm_app,
                second_factor.show_recovery_codes,
                second_factor.finish_set_up,
                forgotten.ask,
                forgotten.send_code,
                forgotten.ask_code,
                forgotten.choose,
            ],
            guards=[our_own_form, not_too_many],
            opt=opt | {"public": "where members of staff sign in"},
        ),
        Router(
            "/staff",
            route_handlers=[*_RECORDS, *_CARDS, *_APPLICATIONS, *_COUNCIL, *_OWN],
            guards=guards,
            opt=opt,
        ),
        Router(
            "/staff/residents/{account_id:uuid}",
            route_handlers=list(APPLYING),
            guards=guards,
            opt=opt,
        ),
    ]
