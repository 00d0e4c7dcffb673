"""Every error the readers package raises, as one tree; each leaf has a permanent ``code``."""

from typing import ClassVar


class ReadersError(Exception):
    """Anything that went wrong between a card, a reader and a terminal."""

    code: ClassVar[str] = "readers-error"


# -- the reader and the radio field ---------------------------------------------------------------


class ReaderFault(ReadersError):
    """The reader or its driver failed; the card may be perfectly well."""

    code = "reader-fault"


class ReaderNotFound(ReaderFault):
    """There is no reader of this name: unplugged, or never there."""

    code = "reader-not-found"


class ReaderBusy(ReaderFault):
    """Another program holds the card in this reader."""

    code = "reader-busy"


class ReaderServiceDown(ReaderFault):
    """The service that runs the readers (pcscd) is not running, or was restarted under us."""

    code = "reader-service-down"


class CardRemoved(ReadersError):
    """The card left the field; nothing is wrong with reader or card."""

    code = "card-removed"


class CardMute(ReadersError):
    """A card is present and does not answer."""

    code = "card-mute"


# -- what the card answered -----------------------------------------------------------------------


class CardRefused(ReadersError):
    """The card answered with an error status.

    Attributes:
        status: the DESFire status byte (91 ``status``), or the two ISO status bytes.
    """

    code = "card-refused"

    def __init__(self, status: int, during: str = "") -> None:
        super().__init__(f"card answered {status:02X}" + (f" to {during}" if during else ""))
        self.status = status


class CardNotGenuine(ReadersError):
    """A cryptogram or MAC of the card is wrong: it does not hold our key, or was tampered with."""

    code = "card-not-genuine"


class StaleProof(CardNotGenuine):
    """The card's proof does not answer the question it was asked: recorded once, or guessed."""

    code = "stale-proof"


class ForeignCard(ReadersError):
    """The card answers, but carries no Kent application or speaks another language."""

    code = "foreign-card"


class CardHasOtherKeys(ReadersError):
    """The card to be personalised carries keys of another issuer, or of another generation."""

    code = "card-has-other-keys"


class ChainTooLong(ReadersError):
    """The card kept announcing more frames than any answer of ours can have."""

    code = "chain-too-long"


# -- other people's cards -------------------------------------------------------------------------


class MalformedShell(ReadersError):
    """What was read is no whole ITSO shell, or no number of one; or it was misread."""

    code = "malformed-shell"


# -- the signed record ----------------------------------------------------------------------------


class RecordError(ReadersError):
    """The service file does not hold a record this reader may trust."""

    code = "record-error"


class MalformedRecord(RecordError):
    """The bytes are no record of any version."""

    code = "malformed-record"


class UnknownRecordVersion(RecordError):
    """The record is of a version this reader does not know."""

    code = "unknown-record-version"


class UnknownIssuerKey(RecordError):
    """The record names a signing key this reader has not pinned."""

    code = "unknown-issuer-key"


class BadRecordSignature(RecordError):
    """The signature does not fit: forged or damaged."""

    code = "bad-record-signature"


# -- the pass on a phone --------------------------------------------------------------------------


class ForeignCode(RecordError):
    """The text is no pass of ours: a code for something else."""

    code = "foreign-code"


class PassExpired(RecordError):
    """The pass was good for a minute, and the minute is over."""

    code = "code-expired"


class PassFromTheFuture(RecordError):
    """The pass is genuine and was made after *now*: the clock that says so is behind."""

    code = "clock-behind"


# -- tokens, lists and bundles --------------------------------------------------------------------


class TokenRefused(ReadersError):
    """A signed token (bundle, status list, request) is not acceptable; the text says why."""

    code = "token-refused"


class SignerUnknown(TokenRefused):
    """The token names a key that is not among those it may be signed by."""

    code = "signer-unknown"


class SignatureWrong(TokenRefused):
    """The token names a key of ours, and its signature is not that key's."""

    code = "signature-wrong"


class StatusListError(ReadersError):
    """A status list cannot be read, or an index lies outside it."""

    code = "status-list-error"


class ShardRefused(StatusListError):
    """A piece of a status list is damaged, forged, or of another list or another time."""

    code = "shard-refused"


class ClockRefused(ReadersError):
    """A simulated clock was asked for outside demo mode, or its setting cannot be read."""

    code = "clock-refused"
