"""What argparse calls its own parts."""

import argparse
from datetime import date
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  (it has no public name)


def group(commands: Commands, name: str, words: str) -> Commands:
    """A command that has commands of its own."""
    parser = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    return parser.add_subparsers(required=True, metavar="COMMAND")


def json_option(parser: argparse.ArgumentParser) -> None:
    """`--json`, for programs that read the answer."""
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def day(text: str) -> date:
    """A day as an option takes it.

    Raises:
        ArgumentTypeError: no day of the calendar, or written in another way.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a day of the calendar; write it as 2026-11-30"
        ) from error
