"""The commands that docs/operations.md gives an officer for keys are commands as they are typed.

What they do is in test_key_commands.py and test_stolen_terminal.py.
"""

import re
import shlex
from pathlib import Path

import pytest

from cardservice.cli.commands import parser

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
SECTIONS = ("A stolen terminal", "Rotating a key", "The ceremony", "Keys in a token")
STANDS_FOR = {
    "ID": "00000000-0000-4000-8000-000000000000",
    "TODAY": "2026-11-22",
    "SHEET": "sheet.txt",
}


def commands(section: str) -> list[str]:
    text = OPERATIONS.read_text(encoding="utf-8")
    found = re.search(rf"^## {section}$(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert found, section
    return re.findall(r"(?:`|^)kentcard ([^`#\n]+)", found[1], re.MULTILINE)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_command_of_the_section_can_be_typed(section: str) -> None:
    given = commands(section)
    assert given
    for command in given:
        words = [STANDS_FOR.get(word, word) for word in shlex.split(command)]
        if "--help" in words:
            words.remove("--help")
            words.append("card.write")
        assert parser().parse_args(words).run, command
