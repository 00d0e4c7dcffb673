"""What residents meet: the ways in, their own account, and what sites they sign in to ask."""

from litestar import Router

from cardservice.web import own_app
from cardservice.web.defences import our_own_form
from cardservice.web.doors import not_too_many
from cardservice.web.guards import nobody_signed_in, signed_in
from cardservice.web.resident import (
    activate,
    cards,
    charges,
    confirm,
    contacts,
    copy,
    erase,
    own,
    passkeys,
    password,
    phone,
    register,
    register_finish,
    register_steps,
    renewal,
    second_step,
    share,
    sign_in,
    sign_out,
)
from cardservice.web.resident.onward import note_who_asks
from cardservice.web.routes.alike import APPLYING, OWN_SIGN_IN
from cardservice.web.visitors import Part


def residents() -> list[Router]:
    """Sign-in, registration, activation, and the account."""
    opt = {"part": Part.RESIDENT}
    return [
        Router(
            Part.RESIDENT.sign_in,
            route_handlers=[
                sign_in.ask_address,
                sign_in.send_code,
                sign_in.ask_code,
                sign_in.sign_in,
                sign_in.ask_mobile,
                sign_in.send_text,
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
                register.ask_email,
                register.send_code,
                register.ask_code,
                register.give_code,
                register.ask_again,
                register.send_again,
                register.offer,
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
                cards.ask_order,
                cards.order,
                cards.ask_report,
                cards.report,
                cards.found,
                cards.ask_activate,
                cards.activate,
                cards.missing,
                cards.ask_replace,
                cards.replace,
                charges.show,
                charges.begin,
                charges.come_back,
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
                sign_in.sign_out,
                *OWN_SIGN_IN,
                *APPLYING,
                own_app.remove,
                password.ask_new,
                password.choose,
                confirm.send_code,
                confirm.ask_code,
                confirm.give_code,
            ],
            guards=[signed_in, our_own_form],
            opt=opt,
        ),
    ]


def sent_by_sites() -> Router:
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
