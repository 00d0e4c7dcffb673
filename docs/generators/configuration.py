"""docs/configuration.md."""

from cardservice.settings import described
from docs.generators.docstrings import attributes
from readers.clock import VARIABLE as CLOCK
from readers.terminal.settings import Settings as TerminalSettings
from readers.terminal.settings import variable

CLOCK_MEANING = (
    "an ISO date and time with a zone, or the path of a clock file that several processes share; "
    "the time starts there and ticks. Refused outside demo mode."
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
        for name, meaning in attributes(TerminalSettings)
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


def _shown(value: object) -> str:
    return "–" if value in (None, "") else f"`{value}`"
