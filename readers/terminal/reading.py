"""From a card in the field to what is on it, or to why nothing can be read."""

from collections.abc import Callable, Sequence
from typing import Final

from readers.card.apdu import run
from readers.card.channel import Channel
from readers.card.codes import Status
from readers.card.keys import UID_BYTES, diversification_input, diversify
from readers.card.layout import FILES, KENT_AID
from readers.card.personalise import read_service
from readers.card.procedures import read_uid
from readers.contract.reasons import TRY_AGAIN, Reason
from readers.contract.services import Service
from readers.contract.wire import ReadKey
from readers.errors import CardRefused, ReadersError
from readers.terminal.decide import Refused, Tap, TryAgain

_REASONS: Final = {reason.value: reason for reason in Reason}


def read_tap(
    channel: Channel,
    service: Service,
    keys: Sequence[ReadKey],
    *,
    random: Callable[[int], bytes],
) -> Tap | Refused | TryAgain:
    """Read a service's record from the card in the field.

    Args:
        channel: to the card.
        service: whose file to read.
        keys: the terminal's read keys for it, newest generation first.
        random: for the challenge.

    Returns:
        What is on the card; or that it is no card of ours; or that it could not be read this time.
    """
    try:
        uid = run(read_uid(), channel)
        if len(uid) != UID_BYTES:
            return Refused(Reason.FOREIGN_CARD)
        return _read(channel, uid, service, keys, random)
    except ReadersError as error:
        return failure(error)


def failure(error: ReadersError) -> Refused | TryAgain:
    """What an error while talking to a card means for its holder."""
    if isinstance(error, CardRefused):
        # The key fits (or else we would not get this far), but the file is not there or not whole.
        return Refused(Reason.MALFORMED_RECORD)
    reason = _REASONS.get(error.code, Reason.READER_FAULT)
    return TryAgain(reason) if reason in TRY_AGAIN else Refused(reason)


def _read(
    channel: Channel,
    uid: bytes,
    service: Service,
    keys: Sequence[ReadKey],
    random: Callable[[int], bytes],
) -> Tap | Refused:
    message = diversification_input(uid, KENT_AID, FILES[service].read_key)
    for key in keys:
        own_key = diversify(key.key, message)
        try:
            return Tap(uid, service, run(read_service(own_key, service, random=random), channel))
        except CardRefused as refused:
            if refused.status != Status.AUTHENTICATION_ERROR:
                raise
    return Refused(Reason.CARD_NOT_GENUINE)
