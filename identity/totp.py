"""Codes of an authenticator app.

Source: RFC 6238 (six digits, 30 seconds, HMAC-SHA-1, which is what every app supports); NIST SP
800-63B-4 section 3.1.4 (each code once).
"""

import hmac
from datetime import datetime
from typing import Final

import pyotp

ISSUER: Final = "Kent Card"
STEP_SECONDS: Final = 30
# A phone's clock may be half a minute off, and typing takes time.
_DRIFT: Final = (0, -1, 1)


def new_secret() -> str:
    """A new secret: 160 random bits as 32 letters and digits of base 32."""
    return pyotp.random_base32()


def app_address(secret: str, username: str) -> str:
    """The `otpauth:` address that an app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def looks_like_one(code: str) -> bool:
    """Whether what was typed is meant as a code of an app: digits, with or without spaces."""
    return "".join(code.split()).isdigit()


def step_of(secret: str, code: str, *, now: datetime) -> int | None:
    """The step (30-second intervals since 1970) whose code this is, near `now`; None: of none."""
    typed = "".join(code.split()).encode(errors="surrogatepass")
    present = int(now.timestamp()) // STEP_SECONDS
    app = pyotp.HOTP(secret)
    matching = [
        present + drift
        for drift in _DRIFT
        if hmac.compare_digest(app.at(present + drift).encode(), typed)
    ]
    return matching[0] if matching else None
