"""What PC/SC result codes mean to us, and what pcsc-lite does otherwise than one expects.

Codes are told apart by number, never by message text.

Sources: PC/SC part 5 and Microsoft's winscard return values for the meaning; for what pcscd really
answers, pcsc-lite 1.9.9 (``src/winscard.c``, ``src/ifdwrapper.c``) and trials with it.
"""

from typing import Final

from smartcard import scard

from readers.errors import (
    CardMute,
    CardRemoved,
    ReaderBusy,
    ReaderFault,
    ReaderNotFound,
    ReadersError,
    ReaderServiceDown,
)

OK: Final[int] = scard.SCARD_S_SUCCESS

PNP_NOTIFICATION: Final = r"\\?PnP?\Notification"
"""The pseudo-reader whose state changes when readers come or go."""

MOST_STATES: Final = 16
"""SCardGetStatusChange refuses more states than this, the pseudo-reader included."""

_MEANING: Final[dict[int, type[ReadersError]]] = {
    scard.SCARD_W_REMOVED_CARD: CardRemoved,
    scard.SCARD_E_NO_SMARTCARD: CardRemoved,
    # Our exclusive connection was reset under us: the session is gone, the card must come anew.
    scard.SCARD_W_RESET_CARD: CardRemoved,
    # pcscd could not switch the card on: it is there and gave no ATR.
    scard.SCARD_W_UNPOWERED_CARD: CardMute,
    scard.SCARD_W_UNRESPONSIVE_CARD: CardMute,
    scard.SCARD_W_UNSUPPORTED_CARD: CardMute,
    scard.SCARD_E_PROTO_MISMATCH: CardMute,
    scard.SCARD_E_SHARING_VIOLATION: ReaderBusy,
    scard.SCARD_E_UNKNOWN_READER: ReaderNotFound,
    scard.SCARD_E_READER_UNAVAILABLE: ReaderNotFound,
    scard.SCARD_E_NO_READERS_AVAILABLE: ReaderNotFound,
    scard.SCARD_E_NO_SERVICE: ReaderServiceDown,
    scard.SCARD_E_SERVICE_STOPPED: ReaderServiceDown,
    scard.SCARD_F_COMM_ERROR: ReaderServiceDown,
    # Contexts and connections opened before a restart of pcscd stay dead under these codes.
    scard.SCARD_E_INVALID_HANDLE: ReaderServiceDown,
    scard.SCARD_E_INVALID_VALUE: ReaderServiceDown,
}

AMBIGUOUS: Final = frozenset({scard.SCARD_E_NOT_TRANSACTED, scard.SCARD_W_UNPOWERED_CARD})
"""Answered when the card was pulled away and when it is there and mute: the reader tells."""


def error_for(code: int, reader: str) -> ReadersError:
    """The error that stands for a PC/SC result code; its text names the code and the reader."""
    meaning = _MEANING.get(code, ReaderFault)
    return meaning(f"{reader or 'pcscd'}: PC/SC answered {code & 0xFFFFFFFF:08X}")
