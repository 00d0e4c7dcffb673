"""The documents that are made from the code: ``make docs``. A test keeps them true."""

import importlib
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cardservice.holdings import HOLDINGS, NOT_OF_PEOPLE
from cardservice.holdings.holding import BASES, length_in_words
from cardservice.holdings.people import DECEASED_KEPT
from cardservice.settings import described
from identity.grounds import EXCEPTIONS
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
ASVS = "https://github.com/OWASP/ASVS/tree/v5.0.0_release/5.0/en"
VERDICTS = ("met", "partly", "gap", "not-applicable")
CHAPTERS = {
    "3": "Browsers",
    "4": "Requests and sockets",
    "6": "Signing in",
    "7": "Sessions",
    "8": "Rights",
    "9": "Signed tokens",
    "10": "OAuth and OpenID",
    "14": "Data",
    "16": "Logs and faults",
}
"""Of the ASVS, in a word or two of ours."""
ERROR_MODULES = (
    ("identity", "identity.errors"),
    ("entitlements", "entitlements.errors"),
    ("cardservice", "cardservice.errors"),
    ("cardservice, pages", "cardservice.web.errors"),
    ("readers", "readers.errors"),
    ("readers, terminal", "readers.terminal.errors"),
    ("readers, venues", "readers.verify.errors"),
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


def asvs() -> str:
    """docs/asvs.md, from docs/asvs.toml."""
    asked = tomllib.loads((HERE / "asvs.toml").read_text(encoding="utf-8"))["requirement"]
    of_chapter = {
        chapter: [each for each in asked if each["id"].split(".")[0] == chapter]
        for chapter in dict.fromkeys(each["id"].split(".")[0] for each in asked)
    }
    counts = "\n".join(
        f"| V{chapter} {CHAPTERS[chapter]} | {_counted(asked)} |"
        for chapter, asked in of_chapter.items()
    )
    chapters = "\n".join(
        f"\n## V{chapter} {CHAPTERS[chapter]}\n\n"
        "| number | level | what is asked, in our words | verdict | shown by, or why |\n"
        "|---|---|---|---|---|\n" + "\n".join(_requirement(each) for each in asked)
        for chapter, asked in of_chapter.items()
    )
    return f"""# OWASP ASVS 5.0.0, requirement by requirement

Generated from `docs/asvs.toml` (`make docs`); a test keeps it true, and fails when a named test
does not exist or a requirement is left out. Chapters 6, 7, 9 and 10 at all levels; 3, 4, 8, 14 and
16 up to level 2. Numbers and levels are the standard's; the words are ours and shorter: what counts
is the [text of release 5.0.0]({ASVS}) (OWASP Foundation, CC BY-SA 4.0), under the same number.

*partly*: something that is asked for is missing, and it says what. *gap*: it is not done.

| chapter | {" | ".join(VERDICTS)} | all |
|---|{"---|" * (len(VERDICTS) + 1)}
{counts}
| all | {_counted(asked)} |
{chapters}
"""


def _counted(asked: list[dict[str, Any]]) -> str:
    found = [sum(each["verdict"] == verdict for each in asked) for verdict in VERDICTS]
    return " | ".join(str(count) for count in (*found, len(asked)))


def _requirement(asked: dict[str, Any]) -> str:
    tests: dict[str, list[str]] = {}
    for named in asked.get("tests", ()):
        path, _, name = named.partition("::")
        tests.setdefault(path, []).append(name)
    shown = [f"`{path}`: {', '.join(names)}" for path, names in tests.items()]
    words = "<br>".join((*([asked["why"]] if "why" in asked else []), *shown))
    return f"| {asked['id']} | {asked['level']} | {asked['asks']} | {asked['verdict']} | {words} |"


def retention() -> str:
    """docs/retention.md."""
    rows = "\n".join(
        f"| `{each.table}` | {each.what} | {BASES[each.basis]} | {each.how_long()} | "
        f"{each.period.why if each.period else '–'} | {each.fate.value} | "
        f"{f'`{each.ground.value}`' if each.ground else '–'} |"
        for each in HOLDINGS
    )
    others = "\n".join(f"| `{table}` | {why} |" for table, why in NOT_OF_PEOPLE.items())
    grounds = "\n".join(
        f"| `{ground.value}` | {each.words} | {each.law} | {'yes' if each.whole_record else '–'} |"
        for ground, each in EXCEPTIONS.items()
    )
    return f"""# What is held, for how long, and what erasure does to it

Generated from the code (`make docs`); a test keeps it true. The privacy notice, a resident’s copy
of their data, `kentcard retention` and erasure work by the same tables. The periods are a starting
point: the council’s own retention schedule decides, and was not at hand.

A record is erased when its resident asked and the time to stop it is over
(`KENTCARD_ERASURE_GRACE_DAYS`), and {length_in_words(DECEASED_KEPT)} after a report of death was
approved. Written messages in the outbox directory go with their rows. *Removed* rows are deleted,
*emptied* rows lose everything sealed or indexed, *kept* rows never held anything that tells who it
was.

| table | what | why it may be held | kept | because | at erasure | ground |
|---|---|---|---|---|---|---|
{rows}

## Grounds on which something is kept

| ground | what and why | law | staff may refuse an erasure on it |
|---|---|---|---|
{grounds}

## Tables without a resident’s data

| table | why |
|---|---|
{others}
"""


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
    "asvs.md": asvs,
    "card-format.md": card_format,
    "configuration.md": configuration,
    "errors.md": errors,
    "retention.md": retention,
    "roles.md": roles,
}


if __name__ == "__main__":
    for document, made in DOCUMENTS.items():
        (HERE / document).write_text(made(), encoding="utf-8")
        sys.stdout.write(f"docs/{document}\n")
