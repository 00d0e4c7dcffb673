"""The command `kentcard`.

Exit codes: 0 yes or done, 1 no, not yet or unknown, 2 wrong usage, 3 a fault; each with one clear
line.
"""

import sys
from collections.abc import Sequence

_ADVICE = (
    "kentcard: the server's parts are not installed here ({missing} is missing). "
    "Run: pip install 'kent-card[server]'\n"
)
_FAULT = 3
_OUR_OWN = frozenset({"cardservice", "entitlements", "identity", "readers"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; the process's own if left out.
    """
    try:
        from cardservice.cli.commands import run  # noqa: PLC0415  (a terminal-only install has not all of it)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in _OUR_OWN:
            raise
        sys.stderr.write(_ADVICE.format(missing=missing))
        return _FAULT
    return run(arguments)
