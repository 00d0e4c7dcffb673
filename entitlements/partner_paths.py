"""Where the partners' API is."""

from typing import Final

API: Final = "/api/v1"
CHECKS: Final = f"{API}/checks"
REDEMPTIONS: Final = f"{API}/redemptions"
EVENTS: Final = f"{API}/events"
USAGE: Final = f"{API}/usage"
DOCUMENT: Final = "/developers/openapi.json"
