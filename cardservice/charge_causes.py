"""Why a card is replaced, where that costs something, and why it does not after all."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a card is replaced, where that costs something."""

    LOST = "lost"
    STOLEN = "stolen"
    DAMAGED = "damaged"
    FAULTY = "faulty"


class Relief(StrEnum):
    """Why a charge is not asked for, or is given back."""

    CRIME_REFERENCE = "crime-reference"
    FAULTY = "faulty"
    OUR_MISTAKE = "our-mistake"
    HARDSHIP = "hardship"
    NOT_WANTED = "not-wanted"
