"""Mobile numbers: one spelling of each, in the international form that messages are sent to.

Only numbers of the United Kingdom and the Crown dependencies (+44) are taken: every code is a text
message that the council pays for, and numbers abroad that charge whoever writes to them are a known
way of taking its money. GOV.UK Notify, too, sends abroad only where a service asked for it.
Source: ITU-T E.164; Google's libphonenumber metadata by the library `phonenumbers`.
"""

from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from identity.errors import BadMobile

_HERE: Final = "GB"
_CALLING_CODE: Final = 44
_LONGEST_TYPED: Final = 40
_MOBILES: Final = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def normalise_mobile(text: str) -> str:
    """A mobile number in international form: ` 07400 123 456` -> `+447400123456`.

    Raises:
        BadMobile: the text is no mobile number of the United Kingdom.
    """
    if len(text) > _LONGEST_TYPED:
        raise BadMobile("Enter a UK mobile number, like 07700 900 123")
    try:
        number = phonenumbers.parse(text, _HERE)
    except NumberParseException as error:
        raise BadMobile("Enter a UK mobile number, like 07700 900 123") from error
    if number.country_code != _CALLING_CODE:
        raise BadMobile("Enter a UK mobile number. We cannot send text messages abroad")
    if number.extension or not _is_mobile(number):
        raise BadMobile("Enter a UK mobile number, like 07700 900 123")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def in_groups(number: str) -> str:
    """A number in international form as people here write it: `07400 123456`."""
    return phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.NATIONAL)


def _is_mobile(number: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.number_type(number) in _MOBILES
