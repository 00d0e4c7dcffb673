"""Names of people: what is accepted, and the form in which they are looked up."""

import unicodedata

LONGEST_NAME = 200
UNPRINTABLE = "Take out the characters that cannot be printed"
# They change the order in which a line is shown, so one name could be made to look like another.
_DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NOT_IN_A_NAME = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def tidy(text: str) -> str:
    """One spelling of what was typed: composed characters, single spaces, none at the ends."""
    words = unicodedata.normalize("NFC", text.strip()).split(" ")
    return " ".join(word for word in words if word)


def full(given_names: str, family_name: str) -> str:
    """A name in one line; either part may be empty."""
    return f"{given_names} {family_name}".strip()


def fault_in(name: str) -> str | None:
    """What is wrong with a tidied name that is not empty; None when nothing is."""
    if not is_printable(name):
        return UNPRINTABLE
    if len(name) > LONGEST_NAME:
        return f"The name must be {LONGEST_NAME} characters or fewer"
    if not any(unicodedata.category(character).startswith("L") for character in name):
        return "The name must have at least one letter"
    return None


def is_printable(line: str) -> bool:
    """Whether a line has no control characters and nothing that changes its direction."""
    return not any(_unprintable(character) for character in line)


def look_up_form(name: str) -> str:
    """The form two spellings of one name share: no case, accents, marks or punctuation."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    kept = (_searched(character) for character in apart)
    return " ".join("".join(kept).split())


def _unprintable(character: str) -> bool:
    return character in _DIRECTION_OVERRIDES or unicodedata.category(character) in _NOT_IN_A_NAME


def _searched(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LN":
        return character
    # Marks and apostrophes join (O'Brien is obrien); hyphens and the rest part two words.
    return "" if category[0] == "M" or character in "'\u2018\u2019\u02bc`" else " "
