"""From a card of the factory to a Kent Card, later updates, and the one read of a tap.

Everything here may be broken off between any two commands, for good or to be run again.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from readers.card.apdu import Procedure
from readers.card.authentication import (
    Random,
    authenticate_ev2_first,
    authenticate_ev2_non_first,
    authenticate_factory_des,
    replace_factory_key,
)
from readers.card.codes import CommMode
from readers.card.crypto import BLOCK
from readers.card.keys import KeyAt
from readers.card.layout import (
    FILES,
    KENT_AID,
    KEY_COUNT,
    KEY_SETTINGS,
    MASTER_KEY,
    PICC_AID,
    PICC_KEY,
    WRITE_KEY,
)
from readers.card.procedures import (
    change_key,
    change_key_settings,
    change_own_key,
    commit_transaction,
    create_application,
    create_backup_file,
    get_application_ids,
    get_file_ids,
    get_key_settings,
    get_key_version,
    read_data,
    select_application,
    set_configuration,
    write_data,
)
from readers.card.rolling import Candidates, open_with
from readers.card.secure import SecureSession
from readers.contract.record import frame, unframe
from readers.contract.services import Service
from readers.errors import CardHasOtherKeys

FACTORY_VERSION: Final = 0
FACTORY_AES_KEY: Final = bytes(BLOCK)
CARD_CONFIGURATION: Final = 0
FORMAT_DISABLED: Final = b"\x01"


class CardKeys(msgspec.Struct, frozen=True):
    """Every key one card shall hold, already diversified; versions are generations, from 1.

    Attributes:
        picc: the card's own.
        application: by number, 0 to 7.
    """

    picc: KeyAt
    application: Mapping[int, KeyAt]

    def __post_init__(self) -> None:
        """Raise ValueError unless each key is there and can be told from the factory's."""
        if sorted(self.application) != list(range(KEY_COUNT)):
            raise ValueError(f"an application has keys 0 to {KEY_COUNT - 1}, each of them once")
        if FACTORY_VERSION in (key.version for key in (self.picc, *self.application.values())):
            raise ValueError("a key of ours has a version from 1; 0 is the factory's")


def personalise(
    keys: CardKeys, records: Mapping[Service, bytes], *, random: Random
) -> Procedure[None]:
    """Make a Kent Card of a factory card, or of what an interrupted run left of one.

    Which keys are set already is told by their version bytes, and shown by the card when it
    authenticates with them. Nothing is taken for done because it was done before: the records are
    always written.

    Args:
        keys: what the card shall hold.
        records: signed records by service; a service that is missing gets an empty file.
        random: for the challenges.

    Raises:
        CardHasOtherKeys: keys of another issuer, or of another generation, are on the card.
        CardRefused: the card does not hold the keys it should, or is full.
        MalformedRecord: a record does not fit; nothing was sent to the card.
    """
    contents = _contents({service: records.get(service, b"") for service in FILES})
    yield from _own_card(keys, random)
    yield from select_application(KENT_AID)
    session = yield from _own_application(keys, random)
    yield from _create_missing_files(session)
    write_key = keys.application[WRITE_KEY].key
    session = yield from authenticate_ev2_non_first(session, WRITE_KEY, write_key, random=random)
    yield from _write(session, contents)


def update(
    write_key: bytes, records: Mapping[Service, bytes], *, random: Random
) -> Procedure[None]:
    """Replace the records of some services, all of them or none; see `update_under`."""
    only = KeyAt(write_key, FACTORY_VERSION)
    return update_under({only.version: only}, records, random=random)


def update_under(
    write_keys: Candidates, records: Mapping[Service, bytes], *, random: Random
) -> Procedure[None]:
    """Replace the records of some services, all of them or none.

    Args:
        write_keys: the card's own at each version it may have; asked for if there is a choice.
        records: signed records by service; ``b""`` empties a file.
        random: for the challenge.

    Raises:
        ForeignCard: no Kent application.
        CardHasOtherKeys: the write key has a version that is no candidate.
        CardRefused: the card does not hold that key.
        MalformedRecord: a record does not fit; nothing was sent to the card.
        ValueError: there is nothing to write.
    """
    if not records:
        raise ValueError("there is no record to write")
    contents = _contents(records)
    yield from select_application(KENT_AID)
    session, _ = yield from open_with(WRITE_KEY, write_keys, random=random)
    yield from _write(session, contents)


def read_service(read_key: bytes, service: Service, *, random: Random) -> Procedure[bytes]:
    """The signed record of a service, in four commands; ``b""`` if the card holds none.

    Args:
        read_key: the card's own for this service, 16 bytes.
        service: whose file.
        random: for the challenge.

    Raises:
        ForeignCard: no Kent application.
        CardRefused: the card does not hold that key.
        CardNotGenuine: card or answer are not authentic.
        MalformedRecord: the file's frame is damaged.
    """
    layout = FILES[service]
    yield from select_application(KENT_AID)
    session = yield from authenticate_ev2_first(layout.read_key, read_key, random=random)
    content = yield from read_data(session, layout.number, 0, layout.size, mode=CommMode.FULL)
    return unframe(content)


def _own_card(keys: CardKeys, random: Random) -> Procedure[None]:
    yield from select_application(PICC_AID)
    version = yield from _known_version(None, PICC_KEY, keys.picc)
    if version == FACTORY_VERSION:
        des_key = yield from authenticate_factory_des(random=random)
        yield from replace_factory_key(des_key, keys.picc)
    session = yield from authenticate_ev2_first(PICC_KEY, keys.picc.key, random=random)
    settings = yield from get_key_settings(session)
    if settings.rights != KEY_SETTINGS:
        yield from change_key_settings(session, KEY_SETTINGS)
    yield from set_configuration(session, CARD_CONFIGURATION, FORMAT_DISABLED)
    if KENT_AID not in (yield from get_application_ids(session)):
        yield from create_application(
            session, KENT_AID, key_settings=KEY_SETTINGS, key_count=KEY_COUNT
        )


def _own_application(keys: CardKeys, random: Random) -> Procedure[SecureSession]:
    master = keys.application[MASTER_KEY]
    version = yield from _known_version(None, MASTER_KEY, master)
    if version == FACTORY_VERSION:
        session = yield from authenticate_ev2_first(MASTER_KEY, FACTORY_AES_KEY, random=random)
        yield from change_own_key(session, master, key_no=MASTER_KEY)
    session = yield from authenticate_ev2_first(MASTER_KEY, master.key, random=random)
    for key_no in sorted(set(keys.application) - {MASTER_KEY}):
        new = keys.application[key_no]
        version = yield from _known_version(session, key_no, new)
        if version == FACTORY_VERSION:
            yield from change_key(session, key_no, new, old=FACTORY_AES_KEY)
    return session


def _known_version(session: SecureSession | None, key_no: int, ours: KeyAt) -> Procedure[int]:
    version = yield from get_key_version(session, key_no)
    if version not in (FACTORY_VERSION, ours.version):
        raise CardHasOtherKeys(
            f"key {key_no} has version {version}; a new card has 0, ours {ours.version}"
        )
    return version


def _create_missing_files(session: SecureSession) -> Procedure[None]:
    present = yield from get_file_ids(session)
    for file in FILES.values():
        if file.number not in present:
            yield from create_backup_file(
                session, file.number, mode=CommMode.FULL, access=file.access, size=file.size
            )


def _contents(records: Mapping[Service, bytes]) -> Mapping[Service, bytes]:
    return {service: frame(record, FILES[service].size) for service, record in records.items()}


def _write(session: SecureSession, contents: Mapping[Service, bytes]) -> Procedure[None]:
    for service, content in contents.items():
        yield from write_data(session, FILES[service].number, 0, content, mode=CommMode.FULL)
    yield from commit_transaction(session)
