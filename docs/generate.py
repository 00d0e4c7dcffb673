"""The documents that are made from the code: ``make docs``. A test keeps them true."""

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cardservice.settings import described
from identity.models import StaffRole
from identity.roles import FOUR_EYES, ON_BEHALF, RIGHTS, STEP_UP, Act
from identity.roles import WORDS as ACTS
from readers.card.describe import card_format
from readers.clock import VARIABLE as CLOCK
from readers.contract.reasons import TRY_AGAIN, WORDS, Reason
from readers.terminal.settings import Settings as TerminalSettings
from readers.terminal.settings import variable

CLOCK_MEANING = (
    "an ISO date and time with a zone, or the path of a clock file that several processes share; "
    "the time starts there and ticks. Refused outside demo mode."
)
HERE = Path(__file__).parent
ERROR_MODULES = (
    ("identity", "identity.errors"),
    ("entitlements", "entitlements.errors"),
    ("cardservice", "cardservice.errors"),
    ("cardservice, pages", "cardservice.web.errors"),
    ("readers", "readers.errors"),
    ("readers, terminal", "readers.terminal.errors"),
    ("readers, virtual cards and readers", "readers.virtual.errors"),
)


def configuration() -> str:
    """docs/configuration.md."""
    server = "\n".join(
        f"| `{setting.variable}` | {_shown(setting.default)} | {setting.meaning} |"
        for setting in described()
    )
    defaults = TerminalSettings()
    terminal = "\n".join(
        f"| `{variable(name)}` | {_shown(getattr(defaults, name))} | {meaning} |"
        for name, meaning in _attributes(TerminalSettings)
        if name != "demo"
    )
    return f"""# Configuration

Generated from the code (`make docs`); a test keeps it true.

Settings come from the environment, or from one TOML file with the same names in small letters and
without the prefix. The environment wins. Every fault is reported, not only the first.

## The server: `kentcard`

`--config FILE` or `KENTCARD_CONFIG` names the TOML file.

| variable | default | meaning |
|---|---|---|
{server}

## A terminal: `kentcard-terminal`

`--config FILE` names the TOML file. `KENTCARD_DEMO=1` is demo mode for a terminal too.

| variable | default | meaning |
|---|---|---|
{terminal}

## Both, in demo mode only

| variable | meaning |
|---|---|
| `{CLOCK}` | {CLOCK_MEANING} |
"""


def errors() -> str:
    """docs/errors.md."""
    reasons = "\n".join(
        f"| `{reason}` | {'try again' if reason in TRY_AGAIN else 'refused'} | "
        f"{WORDS[reason].title} | {WORDS[reason].advice} |"
        for reason in Reason
    )
    trees = "\n\n".join(f"### {name}\n\n{_tree(module)}" for name, module in ERROR_MODULES)
    return f"""# Reasons and errors

Generated from the code (`make docs`); a test keeps it true. Codes are permanent.

## Why a tap was not simply accepted

Screens, uploads, staff pages and partners use the same reason and the same words. *Try again* says
nothing about the holder.

| reason | answer | on the screen | what to do |
|---|---|---|---|
{reasons}

## Errors

The HTTP interface answers with a problem (RFC 9457) whose type ends with the code.

{trees}
"""


def roles() -> str:
    """docs/roles.md."""
    heads = " | ".join(role.value for role in StaffRole)
    rows = "\n".join(
        f"| {ACTS[act]} | {_marks(act)} | "
        + " | ".join("yes" if act in RIGHTS[role] else "–" for role in StaffRole)
        + " |"
        for act in Act
    )
    return f"""# What each role of the staff may do

Generated from the code (`make docs`); a test keeps it true. Every staff page names its act, and a
guard refuses it to a role that does not have it. What is marked *four eyes* waits until somebody
else who may decide requests has approved it; before what is marked *step-up* they show again who
they are, if they last did five minutes ago. What is marked *acting for them* is the resident's own
word: a member of staff does it only in an assisted session for that resident. How residents sign in
is no act of staff, but for an authenticator app they lost. `kentcard staff roles` prints the table.

| act | | {heads} |
|---|---|{"---|" * len(StaffRole)}
{rows}
"""


def _marks(act: Act) -> str:
    marks = (("four eyes", FOUR_EYES), ("step-up", STEP_UP), ("acting for them", ON_BEHALF))
    return ", ".join(mark for mark, acts in marks if act in acts)


def _tree(module: str) -> str:
    found = [
        error
        for _, error in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if issubclass(error, Exception) and error.__module__ == module
    ]
    found.sort(key=_line)
    rows = "\n".join(f"| `{error.code}` | {_summary(error)} |" for error in found)
    return f"| code | meaning |\n|---|---|\n{rows}"


def _line(error: type) -> int:
    return inspect.getsourcelines(error)[1]


def _summary(thing: type) -> str:
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _attributes(struct: type) -> Iterator[tuple[str, str]]:
    """The ``Attributes:`` of a docstring: name and meaning, in order."""
    _, _, listed = (inspect.getdoc(struct) or "").partition("Attributes:\n")
    for name, meaning in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", listed, re.MULTILINE):
        yield name, " ".join(meaning.split())


def _shown(value: object) -> str:
    return "–" if value in (None, "") else f"`{value}`"


DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "card-format.md": card_format,
    "configuration.md": configuration,
    "errors.md": errors,
    "roles.md": roles,
}


if __name__ == "__main__":
    for document, made in DOCUMENTS.items():
        (HERE / document).write_text(made(), encoding="utf-8")
        sys.stdout.write(f"docs/{document}\n")
