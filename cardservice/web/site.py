"""What `cardservice.app` mounts.

The pages need, from the application:

- dependencies `session` (one transaction), `vault` (`identity.personal.Vault`), `now` (aware UTC);
- `app.state`: `database` (`cardservice.database.Database`), `keystore`, `clock`
  (`Callable[[], datetime]`), `settings` (`cardservice.settings.Settings`);
- `before_send=[add_security_headers]` for the whole application;
- `problem_page` as exception handler for every address that is not the API's.
"""

from collections.abc import Sequence
from typing import Final

from litestar import Response, Router, get
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from cardservice.web import (
    application,
    apply,
    confirm,
    developers,
    evidence,
    history,
    notices,
    offers,
    open_sessions,
    own_app,
    own_passkeys,
    requests,
    review,
)
from cardservice.web.assets import BUILT
from cardservice.web.assets import PATH as ASSETS
from cardservice.web.defences import our_own_form
from cardservice.web.demo import outbox, tray
from cardservice.web.doors import not_too_many
from cardservice.web.guards import nobody_signed_in, signed_in
from cardservice.web.pages import page
from cardservice.web.partners import credentials, overview, sandbox, usage, webhook, webhooks
from cardservice.web.problem_pages import HANDLERS
from cardservice.web.resident import (
    activate,
    contacts,
    copy,
    erase,
    own,
    passkeys,
    password,
    phone,
    register_finish,
    register_steps,
    renewal,
    second_step,
    share,
    sign_out,
)
from cardservice.web.resident import cards as resident_cards
from cardservice.web.resident import charges as resident_charges
from cardservice.web.resident import confirm as resident_confirm
from cardservice.web.resident import register as resident_register
from cardservice.web.resident import sign_in as resident_sign_in
from cardservice.web.resident.onward import note_who_asks
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
from cardservice.web.visitors import AnyRequest, Part, VisitorMiddleware

FOREVER = CacheControlHeader(max_age=31_536_000, public=True, immutable=True)
"""The name of a built file changes with what is in it."""

_OWN_SIGN_IN: Final[Sequence[ControllerRouterHandler]] = (
    confirm.ask,
    confirm.give_code,
    confirm.show_passkey,
    own_app.show,
    own_app.offer,
    own_app.keep,
    own_app.renew_codes,
    own_passkeys.show,
    own_passkeys.add,
    own_passkeys.remove,
    open_sessions.show,
    open_sessions.end_one,
    open_sessions.end_others,
)
"""What residents and staff alike do about how they sign in."""

_APPLYING: Final[Sequence[ControllerRouterHandler]] = (
    requests.show,
    history.show,
    apply.show_start,
    apply.start,
    apply.ask,
    apply.answer,
    apply.show_answers,
    apply.send,
    application.show,
    application.withdraw,
    evidence.ask,
    evidence.send,
    evidence.look_up,
    evidence.show_file,
    review.ask,
    review.send,
    offers.show,
    offers.answer,
    offers.ask_choice,
    offers.choose,
)
"""What residents do themselves, and staff who act for them."""


def routes(*, demo: bool) -> list[ControllerRouterHandler]:
    """Every page; those of the demo only in demo mode."""
    parts = [_everybodys(), *_residents(), _sent_by_sites(), *_staff()]
    site = Router(
        "/",
        route_handlers=[*parts, *([_demo()] if demo else [])],
        middleware=[VisitorMiddleware],
        exception_handlers=HANDLERS,
        include_in_schema=False,
    )
    return [site, _assets()]


def _everybodys() -> Router:
    return Router(
        "/",
        route_handlers=[
            *(home, notices.privacy, notices.cookies, notices.accessibility),
            developers.developers,
        ],
        opt={"public": "says what Kent Card is, and what the law has us tell everybody"},
    )


def _residents() -> list[Router]:
    opt = {"part": Part.RESIDENT}
    return [
        Router(
            Part.RESIDENT.sign_in,
            route_handlers=[
                resident_sign_in.ask_address,
                resident_sign_in.send_code,
                resident_sign_in.ask_code,
                resident_sign_in.sign_in,
                resident_sign_in.ask_mobile,
                resident_sign_in.send_text,
                passkeys.sign_in,
                password.ask,
                password.sign_in,
                second_step.ask,
                second_step.give_code,
                second_step.explain_lost,
                second_step.ask_without,
            ],
            guards=[our_own_form, not_too_many],
            before_request=note_who_asks,
            opt=opt | {"public": "where residents sign in"},
        ),
        Router(
            "/register",
            route_handlers=[
                resident_register.ask_email,
                resident_register.send_code,
                resident_register.ask_code,
                resident_register.give_code,
                resident_register.ask_again,
                resident_register.send_again,
                resident_register.offer,
                register_steps.ask,
                register_steps.answer,
                register_finish.ask_mobile,
                register_finish.give_mobile,
                register_finish.ask_mobile_code,
                register_finish.give_mobile_code,
                register_finish.show_answers,
                register_finish.finish,
            ],
            guards=[nobody_signed_in, our_own_form, not_too_many],
            before_request=note_who_asks,
            opt=opt | {"public": "where residents register"},
        ),
        Router(
            "/activate",
            route_handlers=[activate.ask, activate.activate],
            guards=[nobody_signed_in, our_own_form, not_too_many],
            opt=opt | {"public": "where residents claim the account that a desk made"},
        ),
        Router(
            "/account",
            route_handlers=[
                own.own_account,
                resident_cards.ask_order,
                resident_cards.order,
                resident_cards.ask_report,
                resident_cards.report,
                resident_cards.found,
                resident_cards.ask_activate,
                resident_cards.activate,
                resident_cards.missing,
                resident_cards.ask_replace,
                resident_cards.replace,
                resident_charges.show,
                resident_charges.begin,
                resident_charges.come_back,
                activate.welcome,
                contacts.ask,
                contacts.send_code,
                contacts.ask_code,
                contacts.give_code,
                contacts.remove_mobile,
                own.own_taps,
                own.own_details,
                own.own_security,
                own.own_information,
                share.withdraw,
                erase.show,
                erase.ask,
                erase.stop,
                copy.show,
                copy.download,
                phone.show,
                phone.begin,
                phone.show_code,
                phone.report_lost,
                renewal.show,
                renewal.keep,
                renewal.decline,
                resident_sign_in.sign_out,
                *_OWN_SIGN_IN,
                *_APPLYING,
                own_app.remove,
                password.ask_new,
                password.choose,
                resident_confirm.send_code,
                resident_confirm.ask_code,
                resident_confirm.give_code,
            ],
            guards=[signed_in, our_own_form],
            opt=opt,
        ),
    ]


def _sent_by_sites() -> Router:
    """Where residents are asked what a site wants of them."""
    return Router(
        "/",
        route_handlers=[
            share.ask,
            share.answer,
            sign_out.ask,
            sign_out.confirm,
            sign_out.show,
        ],
        guards=[our_own_form],
        opt={"part": Part.RESIDENT, "public": "whoever is not signed in is sent on to be"},
    )


def _staff() -> list[Router]:
    opt = {"part": Part.STAFF}
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
            route_handlers=[
                search.ask,
                search.search,
                register.ask,
                register.register,
                activation.give,
                duplicates.judge,
                resident.show,
                card_face.show_face,
                cards.order_card,
                cards.report_card,
                cards.change_card,
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
                issue.show,
                issue.issue,
                making.show,
                letter.show,
                photos.show,
                photos.send,
                photos.cut,
                photos.remove,
                photos.picture,
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
                staff_sign_in.sign_out,
                *_OWN_SIGN_IN,
                staff_password.ask,
                staff_password.change,
                lost_app.ask,
                lost_app.forget,
                card_moves.move_card,
                card_moves.order_faces,
                staff_charges.take,
                staff_charges.waive,
                staff_charges.refund,
                staff_grants.ask,
                staff_grants.suspend,
                staff_grants.ask_resume,
                staff_grants.resume,
            ],
            guards=[signed_in, role_may, our_own_form, acting_for],
            opt=opt,
        ),
        Router(
            "/staff/residents/{account_id:uuid}",
            route_handlers=list(_APPLYING),
            guards=[signed_in, role_may, our_own_form, acting_for],
            opt=opt,
        ),
        Router(
            "/partners",
            route_handlers=[
                overview.show,
                credentials.show,
                credentials.register,
                credentials.stop,
                sandbox.show,
                sandbox.check,
                usage.show,
                webhooks.show,
                webhooks.add,
                webhook.show,
                webhook.change_secret,
                webhook.enable,
                webhook.disable,
                webhook.remove,
                webhook.send_test,
                webhook.send_again,
                webhook.send_span,
            ],
            guards=[signed_in, role_may, our_own_form],
            opt=opt,
        ),
    ]


def _demo() -> Router:
    return Router(
        "/",
        route_handlers=[
            tray.show_tray,
            tray.make_card,
            tray.lay_card,
            tray.lift_card,
            outbox.show_outbox,
        ],
        guards=[our_own_form],
        opt={"public": "demo mode only: nothing in it is real"},
    )


def _assets() -> Router:
    return create_static_files_router(
        ASSETS,
        directories=[BUILT],
        cache_control=FOREVER,
        include_in_schema=False,
        opt={"public": "styles and scripts, the same for everybody"},
    )


@get("/")
async def home(request: AnyRequest) -> Response[str]:
    """The first page."""
    return page(request, "home.html")
