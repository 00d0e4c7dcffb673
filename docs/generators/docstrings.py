"""What docstrings say, for the documents that show it."""

import inspect
import re
from collections.abc import Iterator


def summary(thing: type) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def attributes(struct: type) -> Iterator[tuple[str, str]]:
    """The ``Attributes:`` of a docstring: name and meaning, in order."""
    _, _, listed = (inspect.getdoc(struct) or "").partition("Attributes:\n")
    for name, meaning in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", listed, re.MULTILINE):
        yield name, " ".join(meaning.split())
