"""Where a resident can be reached: an e-mail address or a mobile number, in one spelling."""

from enum import StrEnum

import msgspec

from identity.details import tidy_email
from identity.mobiles import normalise_mobile
from identity.personal import Vault


class Channel(StrEnum):
    """By what a message goes. The value names the field of a blind index, too."""

    EMAIL = "email"
    MOBILE = "mobile"


class CodeUse(StrEnum):
    """What a code sent to a contact is good for. The value is part of what its row is found by."""

    SIGN_IN = "sign-in"
    PROVE = "prove"
    STAFF_PASSWORD = "staff-password"  # noqa: S105  (a word, not one of them)


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


def field_of(to: Contact, use: CodeUse) -> str:
    """The field of the blind index of a code's row."""
    return to.channel.value if use is CodeUse.SIGN_IN else f"{use.value}-{to.channel.value}"


def indexes_of(vault: Vault, to: Contact, use: CodeUse) -> tuple[bytes, ...]:
    """Every index that codes for a contact and use may be stored under."""
    return vault.blinds(field_of(to, use), to.value)


def every_index(vault: Vault, to: Contact) -> tuple[bytes, ...]:
    """The same for whatever use."""
    return tuple(index for use in CodeUse for index in indexes_of(vault, to, use))
