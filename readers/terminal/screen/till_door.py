"""``GET /till/tap``: the next accepted tap, for a program on this machine that shows the secret."""

from http import HTTPStatus
from typing import Final, assert_never

import msgspec

from readers.terminal.screen.local_door import is_admitted
from readers.terminal.screen.loopback import LoopbackHandler
from readers.terminal.till import NoTap, Till, TillTap

TILL_PATH: Final = "/till/tap"
WAIT_SECONDS: Final = 20.0
"""How long a till is let wait for a tap before it is to ask again."""


def answer_till(handler: LoopbackHandler, till: Till) -> None:
    """Answer 200 with a tap, 204 without one, 401, 403, or 409 to who was overtaken."""
    if not is_admitted(handler, till.secret):
        return
    match till.take(WAIT_SECONDS):
        case TillTap() as taken:
            handler.answer(HTTPStatus.OK, msgspec.json.encode(taken), "application/json")
        case NoTap.NONE_CAME:
            handler.head(HTTPStatus.NO_CONTENT, "application/json")
            handler.end_headers()
        case NoTap.ANOTHER_ASKED:
            handler.refuse(HTTPStatus.CONFLICT, "Another request of the till took this one's turn.")
        case _ as never:
            assert_never(never)
