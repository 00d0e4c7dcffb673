"""Every command that the documents for operators name is there, with every option they name."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cardservice.cli import commands
from readers import cli as terminal
from readers.verify import cli as venue

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = ("operations.md", "libraries.md", "venues.md", "security.md", "partners.md")
PROGRAMS: Final = ("kentcard", "kentcard-terminal", "kentcard-verify")
_BLOCK: Final = re.compile(r"^```[a-z]*\n(.*?)^```|^ {4}(?! )(.+)$", re.MULTILINE | re.DOTALL)
_LINE: Final = re.compile(r"`([^`]+)`", re.DOTALL)


def parsers() -> dict[str, argparse.ArgumentParser]:
    return {
        "kentcard": commands.parser(),
        "kentcard-terminal": terminal.command_parser(),
        "kentcard-verify": venue.command_parser(),
    }


def named(text: str) -> Iterator[tuple[str, list[str]]]:
    """Program and words of every command in code: in a block, or between back quotes."""
    blocks = [found.group(1) or found.group(2) or "" for found in _BLOCK.finditer(text)]
    fenced = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    quoted = [" ".join(found.group(1).split()) for found in _LINE.finditer(fenced)]
    for code in (*blocks, *quoted):
        for line in code.splitlines():
            found = re.search(rf"(?:^|[ /])({'|'.join(PROGRAMS)}) +([a-z].*)$", line.split(" #")[0])
            if found:
                yield found.group(1), found.group(2).split()


def fault_in(parser: argparse.ArgumentParser, words: list[str]) -> str:
    """What is not there; nothing if all of it is. `a|b` names several commands."""
    for place, word in enumerate(words):
        choices = _commands_of(parser)
        if choices is None or not re.fullmatch(r"[a-z][a-z0-9|-]*", word):
            break
        names = word.split("|")
        if unknown := [name for name in names if name not in choices]:
            return f"no command {unknown[0]}"
        if len(names) > 1:
            return ""
        parser, words = choices[names[0]], [*words[:place], *words[place:]]
    options = [word.split("=")[0].rstrip(".,;") for word in words if re.match(r"--[a-z]", word)]
    known = {each for action in parser._actions for each in action.option_strings}  # noqa: SLF001  (argparse has no other way)
    return next((f"no option {option}" for option in options if option not in known), "")


def _commands_of(
    parser: argparse.ArgumentParser,
) -> dict[str, argparse.ArgumentParser] | None:
    for action in parser._actions:  # noqa: SLF001  (as above)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  (as above)
            return dict(action.choices)
    return None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_a_document_names_is_there(document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    known = parsers()
    faults = [
        f"{program} {' '.join(words)}: {fault}"
        for program, words in named(text)
        if (fault := fault_in(known[program], words))
    ]
    assert faults == []


def test_the_document_for_operators_names_many_and_a_wrong_one_is_seen() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert len(list(named(text))) > 40
    known = parsers()["kentcard"]
    spoilt = (
        "`kentcard backup X --colour` and\n\n    kentcard keys forget\n\n`kentcard audit verify`"
    )
    assert [fault_in(known, words) for _, words in named(spoilt)] == [
        "no command forget",
        "no option --colour",
        "",
    ]
