"""Pages that residents have and staff have too: how they sign in, and applying for somebody."""

from collections.abc import Sequence
from typing import Final

from litestar.types import ControllerRouterHandler

from cardservice.web import (
    application,
    apply,
    confirm,
    evidence,
    history,
    offers,
    open_sessions,
    own_app,
    own_passkeys,
    requests,
    review,
)

OWN_SIGN_IN: Final[Sequence[ControllerRouterHandler]] = (
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

APPLYING: Final[Sequence[ControllerRouterHandler]] = (
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
