"""What came of sending a message, in words."""

from collections.abc import Mapping
from typing import Final

from cardservice.web.words import gettext as _
from entitlements.event_models import WebhookTry
from entitlements.webhook_sending import ANSWER_SECONDS, Result

WORDS: Final[Mapping[Result, str]] = {
    Result.TAKEN: _("Taken: answered %(status)s"),
    Result.REFUSED: _("Not taken: answered %(status)s"),
    Result.GONE: _("Not taken: answered %(status)s, so nothing more is sent here"),
    Result.REDIRECT: _("Not taken: answered %(status)s, and redirects are not followed"),
    Result.TOO_SLOW: _("No answer in %(seconds)s seconds"),
    Result.NO_CONNECTION: _("No connection"),
    Result.NOT_TRUSTED: _("The certificate is not one that browsers would trust for this name"),
    Result.BAD_ANSWER: _("What came back was no HTTP answer"),
    Result.NOT_PUBLIC: _("The name leads to an address that is not on the internet"),
    Result.NOT_FOUND: _("The name was not found"),
}


def in_words(tried: WebhookTry) -> str:
    """One sentence about a try."""
    return WORDS[tried.result] % {"status": tried.status, "seconds": round(ANSWER_SECONDS)}
