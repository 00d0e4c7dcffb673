"""New keys for a card in use, one key after another; broken off anywhere, the next session goes on.

A card never stops being openable. Each key has a version byte, which is the generation of its
master and which the card tells to anybody, so whoever holds the masters of both generations always
knows which key is in force. A version is a hint that may be forged; nothing counts as rolled before
the card has shown it under a key of ours.
"""

from collections.abc import Callable, Mapping
from typing import Final

from readers.card.apdu import Procedure
from readers.card.authentication import Random, authenticate_ev2_first
from readers.card.codes import AES_KEYS
from readers.card.keys import KeyAt
from readers.card.layout import KENT_AID, MASTER_KEY, PICC_AID, PICC_KEY
from readers.card.procedures import (
    change_key,
    change_own_key,
    get_key_version,
    select_application,
)
from readers.card.secure import SecureSession
from readers.errors import CardHasOtherKeys

PICC: Final = "picc"
"""The name of the card's own key; those of the application are named by their number."""

Candidates = Mapping[int, KeyAt]
"""One key of one card at each version it may have, by version; the highest is to be the last."""

Confirmed = Callable[[str, int], None]
"""Told the name and version of a key that the card has shown to hold."""


def roll(
    keys: Mapping[str, Candidates], *, random: Random, confirmed: Confirmed
) -> Procedure[None]:
    """Bring keys of a card to their highest version.

    First the keys of the application but its master, all in one session that the master opens; then
    the master; at last the card's own key. Each change is done or not done, never half.

    Args:
        keys: by name, ``"picc"`` or a number of the application. The master of each part that is to
            be changed must be there, with one candidate if it stays.
        random: for the challenges.
        confirmed: called as each key is known to be new, also where it was so already.

    Raises:
        CardHasOtherKeys: a key has a version that is no candidate.
        CardRefused: the card does not hold the key its version tells of.
        CardNotGenuine: an answer is not the card's.
        ForeignCard: no Kent application.
        KeyError: the master of a part is missing.
    """
    numbered = {int(name): each for name, each in keys.items() if name != PICC}
    if numbered:
        yield from select_application(KENT_AID)
        yield from _application(numbered, random, confirmed)
    if PICC in keys:
        yield from select_application(PICC_AID)
        session, held = yield from open_with(PICC_KEY, keys[PICC], random=random)
        yield from _own(session, PICC_KEY | AES_KEYS, keys[PICC], held, random)
        confirmed(PICC, max(keys[PICC]))


def open_with(
    key_no: int, candidates: Candidates, *, random: Random
) -> Procedure[tuple[SecureSession, KeyAt]]:
    """Open a session under whichever candidate the card holds; asked only if there is a choice.

    Raises:
        CardHasOtherKeys: the version is no candidate.
        CardRefused, CardNotGenuine: as :func:`~readers.card.authentication.authenticate_ev2_first`.
    """
    version = max(candidates)
    if len(candidates) > 1:
        version = yield from get_key_version(None, key_no)
    held = _candidate(key_no, candidates, version)
    session = yield from authenticate_ev2_first(key_no, held.key, random=random)
    return session, held


def _application(
    keys: Mapping[int, Candidates], random: Random, confirmed: Confirmed
) -> Procedure[None]:
    session, held = yield from open_with(MASTER_KEY, keys[MASTER_KEY], random=random)
    for key_no in sorted(set(keys) - {MASTER_KEY}):
        yield from _other(session, key_no, keys[key_no])
        confirmed(str(key_no), max(keys[key_no]))
    yield from _own(session, MASTER_KEY, keys[MASTER_KEY], held, random)
    confirmed(str(MASTER_KEY), max(keys[MASTER_KEY]))


def _other(session: SecureSession, key_no: int, candidates: Candidates) -> Procedure[None]:
    """The version is told under the session's MAC, and so is that the change was made."""
    version = yield from get_key_version(session, key_no)
    old, new = _candidate(key_no, candidates, version), candidates[max(candidates)]
    if old is not new:
        yield from change_key(session, key_no, new, old=old.key)


def _own(
    session: SecureSession, change_as: int, candidates: Candidates, held: KeyAt, random: Random
) -> Procedure[None]:
    """The answer to this change carries no MAC, so the new key is shown by opening with it."""
    new = candidates[max(candidates)]
    if held is not new:
        yield from change_own_key(session, new, key_no=change_as)
        yield from authenticate_ev2_first(session.key_no, new.key, random=random)


def _candidate(key_no: int, candidates: Candidates, version: int) -> KeyAt:
    if version not in candidates:
        known = ", ".join(map(str, sorted(candidates)))
        raise CardHasOtherKeys(f"key {key_no} has version {version}; it may have {known}")
    return candidates[version]
