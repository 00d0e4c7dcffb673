"""Whom passkeys are for."""

from urllib.parse import urlsplit

from cardservice.settings import Settings
from identity.passkeys import RelyingParty


def relying_party(settings: Settings) -> RelyingParty:
    """Whom passkeys are for: the host that browsers know the server by."""
    return RelyingParty(id=urlsplit(settings.base_url).hostname or "", origin=settings.base_url)
