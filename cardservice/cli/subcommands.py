"""What argparse calls its own parts."""

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001  (it has no public name)


def group(commands: Commands, name: str, words: str) -> Commands:
    """A command that has commands of its own."""
    parser = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    return parser.add_subparsers(required=True, metavar="COMMAND")


def json_option(parser: argparse.ArgumentParser) -> None:
    """`--json`, for programs that read the answer."""
    parser.add_argument("--json", action="store_true", help="answer as JSON")
