"""What can go wrong at a terminal beside its reader and the card."""

from collections.abc import Sequence
from typing import ClassVar

from readers.errors import ReadersError


class TerminalError(ReadersError):
    """Anything that keeps a terminal from its work.

    Attributes:
        remedy: what its operator can do about it.
    """

    code = "terminal-error"
    remedy: ClassVar[str] = "Look at the terminal's log."


class SettingsRefused(TerminalError):
    """The settings cannot be used.

    Attributes:
        faults: every one of them, a sentence each.
    """

    code = "settings-refused"
    remedy = "Correct the settings named and start again."

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


# -- what the terminal keeps ----------------------------------------------------------------------


class StateUnusable(TerminalError):
    """The state directory cannot be written, or a file in it cannot be read."""

    code = "state-unusable"
    remedy = (
        "Make the state directory writable for the account the terminal runs under, "
        "or restore it from before the damage."
    )


class NotEnrolled(TerminalError):
    """This terminal has never been enrolled."""

    code = "not-enrolled"
    remedy = "Ask for a one-time code and run: kentcard-terminal enrol"


class AlreadyEnrolled(TerminalError):
    """This terminal is enrolled already; enrolling again would orphan the taps it holds."""

    code = "already-enrolled"
    remedy = (
        "To give it a new key, add --again. To make it another terminal, give it another "
        "state directory."
    )


class CodeUnusable(TerminalError):
    """What was typed cannot be a one-time code."""

    code = "code-unusable"
    remedy = "Type the code as the card office gave it, for example ABCD-EFGH-JKMN-PQRS."


class JournalFull(TerminalError):
    """A tap could not be written down, most likely because the disk is full."""

    code = "journal-full"
    remedy = "Make room on the disk of the state directory."


class JournalUnreadable(TerminalError):
    """The journal is damaged, or is no journal."""

    code = "journal-unreadable"
    remedy = (
        "Start the terminal: it goes on with the taps that are sound, and keeps the damaged file "
        "as taps.db.damaged-1 beside it. Keep that for an engineer."
    )


# -- the till beside it ---------------------------------------------------------------------------


class TillSecretUnusable(TerminalError):
    """The file with the till's secret is not there, is no secret, or is open to others.

    Attributes:
        faults: every one of them, a sentence each.
    """

    code = "till-secret-unusable"
    remedy = (
        "Make the file anew, for the account the terminal runs under and nobody else: "
        "(umask 077; openssl rand -hex 32 > FILE)"
    )

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults))
        self.faults = tuple(faults)


class KeyboardUnusable(TerminalError):
    """A keyboard wedge was set, and this machine does not let the terminal make a keyboard."""

    code = "keyboard-unusable"
    remedy = (
        "Load the kernel's module (modprobe uinput) and let the terminal's account write "
        "/dev/uinput; or set keyboard = false and let the library's software listen instead."
    )


# -- the server -----------------------------------------------------------------------------------


class ServerUnreachable(TerminalError):
    """No answer came from the server."""

    code = "server-unreachable"
    remedy = "Check the network and the setting server_url. Taps are kept and uploaded later."


class ServerRefused(TerminalError):
    """The server answered with a problem (RFC 9457).

    Attributes:
        status: of HTTP.
        problem: the server's own code for it.
    """

    code = "server-refused"
    remedy = "Ask the card office whether this terminal is still enrolled."

    def __init__(self, status: int, problem: str, detail: str) -> None:
        super().__init__(f"The server refused ({status} {problem}): {detail}")
        self.status = status
        self.problem = problem
        self.detail = detail


class ServerNotUnderstood(TerminalError):
    """The server's answer is not what was agreed."""

    code = "server-not-understood"
    remedy = "Check that server_url names a Kent Card server and that this terminal is up to date."


class BundleRefused(TerminalError):
    """A bundle is not signed by a pinned key, not for this terminal, or not usable."""

    code = "bundle-refused"
    remedy = "Ask the card office; the terminal goes on with the bundle it has."


class BundleKeyUnknown(BundleRefused):
    """A bundle, or a list in it, is signed by a key that this terminal was never told of."""

    code = "bundle-key-unknown"


class BundleForged(BundleRefused):
    """A bundle, or a list in it, names a key of ours and is not signed by it."""

    code = "bundle-forged"


class BundleRolledBack(BundleRefused):
    """A bundle is older than the one this terminal decides by."""

    code = "bundle-rolled-back"


class ListRolledBack(BundleRefused):
    """A status list was made before the one this terminal has: cards revoked since would pass."""

    code = "list-rolled-back"
    remedy = "Tell whoever runs the server: somebody, or its clock, gives out old lists."
