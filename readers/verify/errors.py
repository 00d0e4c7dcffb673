"""What can go wrong at a venue beside the code that was shown."""

from readers.terminal.errors import TerminalError


class NeverFetched(TerminalError):
    """This device knows no server and no key yet."""

    code = "never-fetched"
    remedy = (
        "Run: kentcard-verify fetch --server ADDRESS --pin KEY, with both from the card office."
    )


class PinUnusable(TerminalError):
    """What was given cannot be the key to believe."""

    code = "pin-unusable"
    remedy = "Give the key as the card office prints it, for example bun.1:AAAA…, 43 letters long."
