"""What a terminal is sold and set up as, and what the server may set of it from afar.

Settings travel in the signed bundle as plain data. A field that an older terminal does not know is
ignored there; a value out of bounds makes the whole set refused, and the one before is kept.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta


class Product(StrEnum):
    """What stands at the counter."""

    VALIDATOR = "validator"
    LIBRARY_KIOSK = "library-kiosk"
    FRONT_DESK = "front-desk"
    DESK_ENCODER = "desk-encoder"


PRODUCT_WORDS: Final[Mapping[Product, str]] = {
    Product.VALIDATOR: "Validator",
    Product.LIBRARY_KIOSK: "Library kiosk",
    Product.FRONT_DESK: "Gateway front desk",
    Product.DESK_ENCODER: "Desk encoder",
}

LEAST_REFRESH_SECONDS: Final = 15
MOST_REFRESH_SECONDS: Final = 3600
LONGEST_TITLE: Final = 40
LONGEST_ADVICE: Final = 90
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*$"


class RemoteSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the server may set of a terminal; every field has the value of a terminal untouched.

    `pass_back_seconds` and `refresh_seconds` also travel where terminals that know no set-up look
    for them, in the settings of each service and of the bundle; those places are what counts.

    Attributes:
        pass_back_seconds: how long a card that was answered gets the same answer again; None: as
            each service has it.
        show_seconds: how long an answer stands after the card has left.
        refresh_seconds: how often the terminal asks for a bundle.
        health_seconds: how often it says how it is.
        title: what the screen says while no card is there; empty: the product's own words.
        advice: the line below; empty with a title: none.
    """

    pass_back_seconds: Annotated[int, Meta(ge=0, le=300)] | None = None
    show_seconds: Annotated[int, Meta(ge=1, le=30)] = 4
    refresh_seconds: Annotated[int, Meta(ge=LEAST_REFRESH_SECONDS, le=MOST_REFRESH_SECONDS)] = 60
    health_seconds: Annotated[int, Meta(ge=15, le=3600)] = 60
    title: Annotated[str, Meta(max_length=LONGEST_TITLE, pattern=_PRINTABLE)] = ""
    advice: Annotated[str, Meta(max_length=LONGEST_ADVICE, pattern=_PRINTABLE)] = ""


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """What the bundle tells a terminal about itself.

    Attributes:
        product: what it is; None: the server does not say, and its purposes tell.
    """

    product: Product | None = None
    settings: RemoteSettings = RemoteSettings()


def set_up_of(told: Mapping[str, Any]) -> SetUp:
    """The set-up in a bundle, whose fields may be of a newer server.

    Raises:
        ValueError: a field that this version knows is out of its bounds; says which.
    """
    return msgspec.convert(told, SetUp)
