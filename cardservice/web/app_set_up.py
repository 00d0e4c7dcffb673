"""The page that shows an authenticator app's secret, for residents and staff alike."""

from typing import Final

from litestar import Response

from cardservice.web.pages import page
from cardservice.web.qr import drawing
from cardservice.web.visitors import AnyRequest
from identity import totp

SET_UP: Final = "set_up.html"
RECOVERY_CODES: Final = "recovery_codes.html"


def set_up_page(
    request: AnyRequest,
    name: str,
    secret: str,
    *,
    action: str,
    back: str,
    faults: dict[str, str] | None = None,
    sealed: str = "",
) -> Response[str]:
    """The page with a secret as a QR code and as text, that asks for the app's first code.

    Args:
        request: what is answered.
        name: by which the app tells one account from another.
        secret: for the app.
        action: where the code is sent.
        back: the page before.
        faults: by field.
        sealed: the offer, where it travels with the form.
    """
    return page(
        request,
        SET_UP,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        drawing=drawing(totp.app_address(secret, name)),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        action=action,
        back=back,
        offer=sealed,
    )
