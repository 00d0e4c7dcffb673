"""Chromium's virtual authenticator, over its debugging protocol."""

from playwright.sync_api import CDPSession, Page


class Authenticator:
    """A virtual phone: it keeps passkeys and always knows its owner."""

    def __init__(self, page: Page) -> None:
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._cdp.send("WebAuthn.enable")
        made = self._cdp.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        self._id = made["authenticatorId"]

    def knows_its_owner(self, *, known: bool) -> None:
        asked = {"authenticatorId": self._id, "isUserVerified": known}
        self._cdp.send("WebAuthn.setUserVerified", asked)
