"""Where a resident can be reached: an e-mail address or a mobile number, in one spelling."""

from enum import StrEnum

import msgspec

from identity.details import tidy_email
from identity.mobiles import normalise_mobile


class Channel(StrEnum):
    """By what a message goes. The value names the field of a blind index, too."""

    EMAIL = "email"
    MOBILE = "mobile"


class Contact(msgspec.Struct, frozen=True):
    """An address or a number, in the spelling it is stored and found by."""

    channel: Channel
    value: str


def email_at(address: str) -> Contact:
    """An e-mail address, however it was typed; it need not be one."""
    return Contact(Channel.EMAIL, tidy_email(address))


def mobile_at(number: str) -> Contact:
    """A mobile number.

    Raises:
        BadMobile: no mobile number of the United Kingdom.
    """
    return Contact(Channel.MOBILE, normalise_mobile(number))
