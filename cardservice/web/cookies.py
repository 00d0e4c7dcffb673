"""Every cookie the pages set, and what for: the pages about privacy and cookies read it from here.

None follows anybody and none is for advertising, so that none needs consent.
Source: Privacy and Electronic Communications (EC Directive) Regulations 2003 regulation 6(4)(b).
"""

from typing import Final

import msgspec

from cardservice.web.browsers import DEVICE_COOKIE
from cardservice.web.contact_cookies import REGISTRATION_COOKIE
from cardservice.web.defences import FORM_COOKIE
from cardservice.web.resident import second_step
from cardservice.web.resident.contacts import NEW
from cardservice.web.resident.sign_in import ADDRESS
from cardservice.web.staff.forgotten import NAME
from cardservice.web.staff.second_factor import STEP_COOKIE
from cardservice.web.visitors import Part
from cardservice.web.words import gettext as _


class CookieLine(msgspec.Struct, frozen=True):
    """A cookie: its name, what it is for and how long the browser keeps it."""

    name: str
    purpose: str
    lasts: str


COOKIES: Final = (
    CookieLine(
        Part.RESIDENT.cookie,
        _("Keeps you signed in to your account"),
        _("until you close the browser or sign out"),
    ),
    CookieLine(
        Part.STAFF.cookie,
        _("Keeps a member of staff signed in"),
        _("until they close the browser or sign out"),
    ),
    CookieLine(
        DEVICE_COOKIE,
        _("Knows a browser you signed in with again, so that we can tell you of a new one"),
        _("1 year after you last signed in"),
    ),
    CookieLine(
        FORM_COOKIE,
        _("Makes sure that a form was sent by you and not by another site"),
        _("until you close the browser"),
    ),
    CookieLine(
        ADDRESS.name,
        _("Holds the address or number that your code was sent to, while you type the code"),
        _("until you have signed in, 10 minutes at most"),
    ),
    CookieLine(
        NEW.name,
        _("Holds the new address or number that a code was sent to, while you type the code"),
        _("until you have typed it, 10 minutes at most"),
    ),
    CookieLine(
        REGISTRATION_COOKIE,
        _("Finds again what you typed to register, which we keep locked"),
        _("until your account is made, 1 day at most"),
    ),
    CookieLine(
        second_step.STEP_COOKIE,
        _("Remembers that you gave the right password, while you give a code of your app"),
        _("until you have signed in, 10 minutes at most"),
    ),
    CookieLine(
        NAME.name,
        _("Holds the user name of a member of staff, while they type the code they asked for"),
        _("until they have chosen a password, 10 minutes at most"),
    ),
    CookieLine(
        STEP_COOKIE,
        _("Remembers that a member of staff gave the right password, while they give a code"),
        _("until they have signed in, 10 minutes at most"),
    ),
)
