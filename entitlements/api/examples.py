"""Examples of the OpenAPI document.

Each can be sent as it stands with a credential of the sandbox, but for subjects, which are every
organisation's own.
"""

from collections.abc import Mapping
from typing import Any, Final

from entitlements import sandbox

OFFER: Final = "offer-theatre"
_SUBJECT: Final = "Rf3kWq8uXv0m2ZtYb7LhNc5pSdJ1aEgO"
_REDEMPTION: Final = {
    "id": "6f1d1b5e-6b1c-4c55-9d3c-0b8f3a5f8a11",
    "offer": OFFER,
    "subject": _SUBJECT,
    "state": "held",
    "first_free": False,
    "percent_off": 25,
    "companions": 1,
    "held_at": "2026-12-01T10:00:00Z",
    "expires_at": "2026-12-01T10:15:00Z",
}


def _shown(card: sandbox.SandboxCard) -> Mapping[str, Any]:
    shown = {"by": "card", "number": str(card.number), "code": card.code}
    return {"summary": card.about, "value": {"offer": OFFER, "shown": shown}}


CHECKS: Final = {f"card-{place}": _shown(card) for place, card in enumerate(sandbox.CARDS, 1)}
ANSWERS: Final[Mapping[str, Any]] = {
    "yes": {
        "value": {
            "decision": "yes",
            "band": None,
            "remaining": 4,
            "valid_until": "2026-12-31",
            "subject": _SUBJECT,
            "messages": ["One person may come with the holder on the same terms."],
        }
    },
    "unknown": {
        "value": {
            "decision": "unknown",
            "band": None,
            "remaining": None,
            "valid_until": None,
            "subject": None,
            "messages": [
                "We cannot tell. Check the number and the code, or ask for another proof."
            ],
        }
    },
}
BATCHES: Final[Mapping[str, Any]] = {
    "one": {"value": {"items": [{"offer": OFFER, "subject": _SUBJECT, "companions": 1}]}}
}
HELD: Final[Mapping[str, Any]] = {"held": {"value": {"redemptions": [_REDEMPTION]}}}
EVENTS: Final[Mapping[str, Any]] = {
    "a page": {
        "value": {
            "events": [
                {
                    "id": "5b6f3a52-6f0c-4f7e-9a56-0d3c8b1f2a11",
                    "type": "entitlement.ended",
                    "timestamp": "2026-11-22T10:00:00Z",
                    "data": {"subject": _SUBJECT, "scheme": OFFER},
                }
            ],
            "next": "1",
            "more": False,
        }
    }
}
