"""The parameters of a request, as they came: from a query string or a form."""

from collections.abc import Mapping
from typing import Final, Self
from urllib.parse import unquote

import msgspec

LONGEST_VALUE: Final = 8 * 1024
MOST_PARAMETERS: Final = 60


class Parameters(msgspec.Struct, frozen=True):
    """Names and values.

    Attributes:
        values: the first value of each name; a parameter without a value counts as not sent.
        repeated: names that came more than once.
        readable: whether the text was form encoding of printable UTF-8 at all.
    """

    values: Mapping[str, str]
    repeated: frozenset[str] = frozenset()
    readable: bool = True

    @classmethod
    def from_encoded(cls, text: str) -> Self:
        """Read `a=1&b=2`.

        Source: RFC 6749 section 3.1 and Appendix B.
        """
        if text.count("&") >= MOST_PARAMETERS:
            return cls({}, readable=False)
        try:
            pairs = [_pair(each) for each in text.split("&") if each]
        except UnicodeDecodeError:
            return cls({}, readable=False)
        values: dict[str, str] = {}
        repeated = set()
        for name, value in pairs:
            if name in values:
                repeated.add(name)
            values.setdefault(name, value)
        readable = all(_is_plain(value) for pair in pairs for value in pair)
        return cls(values, frozenset(repeated), readable)

    def get(self, name: str) -> str:
        """The value, or empty text when it was not sent."""
        return self.values.get(name, "")

    def words(self, name: str) -> tuple[str, ...]:
        """The words of a value that is a list with spaces between, each once, in their order."""
        return tuple(dict.fromkeys(self.get(name).split()))


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return decoded(name), decoded(value)


def decoded(text: str) -> str:
    """What form encoding stands for; most values stand for themselves.

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    spaced = text.replace("+", " ")
    return unquote(spaced, errors="strict") if "%" in spaced else spaced


def _is_plain(text: str) -> bool:
    """No control characters, which no database, header or log should meet."""
    return len(text) <= LONGEST_VALUE and text.isprintable()
