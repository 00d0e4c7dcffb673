"""What can go wrong with the virtual readers; a real terminal never meets these."""

from readers.errors import ReadersError


class BenchError(ReadersError):
    """The virtual readers cannot be set up or used as asked."""

    code = "bench-error"


class DriverNotBuilt(BenchError):
    """The reader driver could not be compiled; the text names what is missing."""

    code = "driver-not-built"


class NamespaceRefused(BenchError):
    """No private /run/pcscd could be made, and the machine's own pcscd must not be disturbed."""

    code = "namespace-refused"


class PcscdNotStarted(BenchError):
    """Pcscd ended or listed no readers in time; the text quotes the end of its log."""

    code = "pcscd-not-started"


class ReaderOccupied(BenchError):
    """A card lies on this reader already."""

    code = "reader-occupied"


class NoSuchSocket(BenchError):
    """Nothing listens where the reader should be: pcscd is not running, or not with this reader."""

    code = "no-such-socket"


class NoSuchCard(BenchError):
    """There is no card of this id, or its file cannot be read."""

    code = "no-such-card"


class NoSuchReader(BenchError):
    """There is no reader of this number."""

    code = "no-such-reader"


class BadRequest(BenchError):
    """What the tray was sent cannot be understood."""

    code = "bad-request"
