"""Where a code was sent, between two pages: in a cookie, for an address bar is no place for it."""

import base64
import binascii
from typing import Final

import msgspec
from litestar.datastructures import Cookie

from cardservice.web.visitors import AnyRequest, host_cookie
from identity import registrations
from identity.codes import CODE_LIFE
from identity.contacts import Channel, Contact
from identity.mobiles import in_groups

REGISTRATION_COOKIE: Final = "__Host-kentcard-registration"


class ContactCookie(msgspec.Struct, frozen=True):
    """A cookie of that name that holds an e-mail address or a mobile number."""

    name: str

    def of(self, contact: Contact) -> Cookie:
        """The cookie; the browser forgets it when the code has run out."""
        value = base64.urlsafe_b64encode(contact.value.encode(errors="replace")).decode()
        return host_cookie(self.name, value, max_age=int(CODE_LIFE.total_seconds()))

    def forget(self) -> Cookie:
        """The cookie that makes the browser forget it."""
        return host_cookie(self.name, "", max_age=0)

    def read(self, request: AnyRequest) -> Contact | None:
        """What it holds; None without one, or when it was made up."""
        try:
            text = base64.urlsafe_b64decode(request.cookies.get(self.name, "")).decode()
        except (binascii.Error, ValueError):
            return None
        channel = Channel.MOBILE if text.startswith("+") else Channel.EMAIL
        return Contact(channel, text) if text else None


def shown(contact: Contact) -> str:
    """An address or number as its owner writes it."""
    return contact.value if contact.channel is Channel.EMAIL else in_groups(contact.value)


def registration_cookie(token: str) -> Cookie:
    """The cookie that a registration under way is bound to; an empty token ends it."""
    lasts = int(registrations.KEPT.total_seconds()) if token else 0
    return host_cookie(REGISTRATION_COOKIE, token, max_age=lasts)


def registration_token(request: AnyRequest) -> str:
    """The token of the registration at this browser; empty when there is none."""
    return request.cookies.get(REGISTRATION_COOKIE, "")
