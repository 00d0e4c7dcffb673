"""Where a browser goes after each outcome: to a page of ours, or back to the site."""

from typing import assert_never
from urllib.parse import urlencode

import msgspec

from identity.errors import SignInRequestRefused
from identity.oidc import authorize, logout
from identity.oidc.authorize import ErrorPage, NeedsConsent, NeedsSignIn, Redirect


class OidcPages(msgspec.Struct, frozen=True):
    """Paths of the application's pages; each is given `?request=<handle>`.

    Attributes:
        sign_in: shows the sign-in page, and then leads to `Endpoint.RESUME`.
        consent: asks for consent, and calls `authorize.agree` or `authorize.decline`.
        sign_out: asks whether to sign out, and calls `logout.confirmed`.
        signed_out: says that nobody is signed in; it is given nothing.
    """

    sign_in: str
    consent: str
    sign_out: str
    signed_out: str


def address_after(outcome: authorize.Outcome, pages: OidcPages) -> str:
    """Where a sign-in goes on.

    Raises:
        SignInRequestRefused: the outcome is an error to be shown here.
    """
    match outcome:
        case Redirect(url):
            return url
        case NeedsSignIn(handle=handle):
            return with_request(pages.sign_in, handle)
        case NeedsConsent(handle=handle):
            return with_request(pages.consent, handle)
        case ErrorPage(refused):
            raise SignInRequestRefused(refused.description)
        case _:
            assert_never(outcome)


def address_after_logout(outcome: logout.Outcome, pages: OidcPages) -> str:
    """Where a sign-out goes on.

    Raises:
        SignInRequestRefused: the outcome is an error to be shown here.
    """
    match outcome:
        case logout.SignedOut(url):
            return url or pages.signed_out
        case logout.NeedsConfirmation(handle=handle):
            return with_request(pages.sign_out, handle)
        case ErrorPage(refused):
            raise SignInRequestRefused(refused.description)
        case _:
            assert_never(outcome)


def with_request(path: str, handle: str) -> str:
    """A path of ours, given the handle of a request that waits."""
    return f"{path}?{urlencode({'request': handle})}"
