"""How alike two names are: their words, the forms they are found by, and a score.

Pure. The same functions make what is indexed (blinded) and what is compared once opened.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

from identity import names

MOST_WORDS: Final = 16
MOST_COMPARED: Final = 24
"""Letters of a word that forms are made of and that are compared letter by letter."""
_LEAST_MISTYPED: Final = 4
"""Shorter words are found as they are: with a letter left out they are like too many others."""
_LEAST_BEGINNING: Final = 3
_LONGEST_BEGINNING: Final = 8
_LEAST_SOUND: Final = 3
_EXACT, _NICKNAME, _BEGINNING, _ONE_OFF, _SOUND, _TWO_OFF = 1.0, 0.9, 0.85, 0.8, 0.75, 0.6

_PLAIN_LETTERS: Final = str.maketrans(
    {
        "ł": "l",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ħ": "h",
    }
)
_LATIN: Final = re.compile(r"[a-z]+")
_SOUNDS: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"^(?:kn|gn|pn)", "n"),
        (r"^wr", "r"),
        (r"^x", "s"),
        (r"ph", "f"),
        (r"v", "f"),
        (r"(?:tch|cz|ch|sch|sz|sh)", "x"),
        (r"th", "t"),
        (r"gh(?![aeiouy])", ""),
        (r"dg(?=[eiy])", "j"),
        (r"g(?=[eiy])", "j"),
        (r"c(?=[eiy])", "s"),
        (r"c?k|c|q", "k"),
        (r"x(?=[aeiouy]|$)", "x"),
        (r"z", "s"),
        (r"d$", "t"),
        (r"(?<=.)[aeiouyhw]+", ""),
        (r"^[aeiouyhw]+", "a"),
        (r"(.)\1+", r"\1"),
    )
)
"""In this order. Rough on purpose: it finds candidates, and opened names are compared."""


def words_of(*fields: str) -> tuple[str, ...]:
    """The words of a name as they are looked up, and neighbours in one field joined.

    `Mary Ann` is found as `mary`, `ann` and `maryann`.
    """
    found: dict[str, None] = {}
    for field in fields:
        words = typed_words(field)
        found.update(dict.fromkeys(words))
        found.update(dict.fromkeys(map("".join, pairwise(words))))
    return tuple(found)[:MOST_WORDS]


def typed_words(text: str) -> tuple[str, ...]:
    """The words of what was typed, each in the form it is looked up by."""
    return tuple(names.look_up_form(text).translate(_PLAIN_LETTERS).split())


def forms_of(word: str) -> frozenset[str]:
    """The forms under which a stored word is found, besides itself."""
    longest = min(len(word) - 1, _LONGEST_BEGINNING)
    beginnings = {f"<{word[:length]}" for length in range(_LEAST_BEGINNING, longest + 1)}
    return mistyped(word) | beginnings | _sound_forms(word)


def typed_forms(word: str) -> frozenset[str]:
    """The forms to look for when a word was typed."""
    beginning = {f"<{word}"} if _LEAST_BEGINNING <= len(word) <= _LONGEST_BEGINNING else set()
    return mistyped(word) | beginning | _sound_forms(word)


def mistyped(word: str) -> frozenset[str]:
    """The word and the word with each one letter left out: two that are one error apart share one.

    Source: W. Garbe's symmetric deletion (SymSpell), for a distance of one.
    """
    word = word[:MOST_COMPARED]
    if len(word) < _LEAST_MISTYPED:
        return frozenset({f"-{word}"})
    shorter = {f"-{word[:place]}{word[place + 1 :]}" for place in range(len(word))}
    return frozenset(shorter | {f"-{word}"})


def sound_of(word: str) -> str:
    """A rough key of how an English reader says a word of Latin letters; empty for others."""
    word = word[:MOST_COMPARED]
    if not _LATIN.fullmatch(word):
        return ""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


def nicknames_of(word: str) -> frozenset[str]:
    """Other names that are used for the same person; the word itself is not among them."""
    return _nicknames().get(word, frozenset())


def likeness(typed: Sequence[str], fields: Iterable[str]) -> float:
    """How well a name answers what was typed: 0 when some word of it has no answer, up to 1.

    Args:
        typed: from `typed_words`.
        fields: given names and family name, opened.
    """
    stored = words_of(*fields)
    scores = [max((_alike(word, one) for one in stored), default=0.0) for word in typed]
    return sum(scores) / len(scores) if scores and all(scores) else 0.0


def _alike(typed: str, stored: str) -> float:
    if typed == stored:
        return _EXACT
    if stored in nicknames_of(typed):
        return _NICKNAME
    if len(typed) >= _LEAST_BEGINNING and stored.startswith(typed):
        return _BEGINNING
    apart = errors_between(typed, stored)
    if apart <= 1 and max(len(typed), len(stored)) >= _LEAST_MISTYPED:
        return _ONE_OFF
    if len(sound_of(typed)) >= _LEAST_SOUND and sound_of(typed) == sound_of(stored):
        return _SOUND
    return _TWO_OFF if apart == 2 and mistyped(typed) & mistyped(stored) else 0.0  # noqa: PLR2004


def errors_between(one: str, other: str) -> int:
    """Letters left out, added, changed or swapped with their neighbour; beyond 2 it says 3.

    Source: optimal string alignment, a restricted Damerau-Levenshtein distance.
    """
    one, other = one[:MOST_COMPARED], other[:MOST_COMPARED]
    if abs(len(one) - len(other)) > 2:  # noqa: PLR2004  (as the summary says)
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, start=1):
        after = [place]
        for at, against in enumerate(other, start=1):
            cost = min(row[at] + 1, after[-1] + 1, row[at - 1] + (letter != against))
            swapped = place > 1 and at > 1 and letter == other[at - 2] and one[place - 2] == against
            after.append(min(cost, before[at - 2] + 1) if swapped else cost)
        before, row = row, after
    return min(row[-1], 3)


def _sound_forms(word: str) -> set[str]:
    sound = sound_of(word)
    return {f"~{sound}"} if len(sound) >= _LEAST_SOUND else set()


@cache
def _nicknames() -> Mapping[str, frozenset[str]]:
    table = (files("identity") / "tables" / "nicknames.csv").read_text(encoding="utf-8")
    found: defaultdict[str, set[str]] = defaultdict(set)
    for group in csv.reader(table.splitlines()):
        for name in group:
            found[name].update(group)
    return {name: frozenset(others - {name}) for name, others in found.items()}
