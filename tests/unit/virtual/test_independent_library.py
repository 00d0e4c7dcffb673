"""A card library we did not write talks to the virtual card: python-desfire, native frames, EV1.

It appends the wrong half of a MAC to MACed commands and takes the MAC of a plain read for data, so
what is tried here is plain without a session, MACed reading, and enciphered both ways.
"""

import builtins

import pytest
from desfire import DESFire
from desfire.devices.base import Device
from desfire.enums import (
    DESFireCommunicationMode,
    DESFireFileType,
    DESFireKeySettings,
    DESFireKeyType,
)
from desfire.exceptions import DESFireException
from desfire.key import DESFireKey
from desfire.schemas import FilePermissions, FileSettings, KeySettings
from desfire.util import CRC32

from readers.card.layout import FILES, KENT_AID, LIBRARY_KEY, TRAVEL_KEY
from readers.contract.record import unframe
from readers.contract.services import Service
from readers.virtual.card import VirtualCard
from tests.support.cards import KEYS, RECORDS, UID, kent_card

AID = [0x12, 0x34, 0x56]
NEW_KEY = bytes(range(16))


class InProcess(Device):  # type: ignore[misc]  # the library carries no types
    def __init__(self, card: VirtualCard) -> None:
        self._card = card

    def transceive(self, bytes: list[int]) -> list[int]:  # noqa: A002 - the library's name
        return list(self._card.transmit(builtins.bytes(bytes)))


def key(value: bytes, kind: DESFireKeyType = DESFireKeyType.DF_KEY_AES) -> DESFireKey:
    return DESFireKey(KeySettings(key_type=kind), value)


def factory_key() -> DESFireKey:
    return key(bytes(8), DESFireKeyType.DF_KEY_2K3DES)


def settings_of(*settings: DESFireKeySettings) -> KeySettings:
    return KeySettings(settings=list(settings), key_type=DESFireKeyType.DF_KEY_AES)


def file_of(mode: DESFireCommunicationMode, permissions: FilePermissions) -> FileSettings:
    return FileSettings(
        encryption=mode,
        file_type=DESFireFileType.MDFT_STANDARD_DATA_FILE,
        permissions=permissions,
        file_size=100,
    )


@pytest.fixture
def card() -> VirtualCard:
    return VirtualCard(UID)


@pytest.fixture
def library(card: VirtualCard) -> DESFire:
    return DESFire(InProcess(card))


@pytest.fixture
def in_application(library: DESFire) -> DESFire:
    """Authenticated with the master key of an application it made."""
    library.authenticate(0, factory_key())
    library.create_application(
        AID,
        settings_of(
            DESFireKeySettings.KS_ALLOW_CHANGE_MK,
            DESFireKeySettings.KS_LISTING_WITHOUT_MK,
            DESFireKeySettings.KS_CONFIGURATION_CHANGEABLE,
        ),
        3,
    )
    library.select_application(AID)
    library.authenticate(0, key(bytes(16)))
    return library


def test_it_reads_the_version_and_the_uid(library: DESFire) -> None:
    version = library.get_card_version()
    assert bytes(version.uid) == UID
    assert (version.hardware_vendor_id, version.hardware_storage_size) == (0x04, 0x18)


def test_it_opens_the_factory_key_and_turns_it_into_aes(library: DESFire) -> None:
    library.authenticate(0, factory_key())
    assert bytes(library.get_real_uid()) == UID
    library.change_key(0, factory_key(), key(NEW_KEY), 7)
    library.authenticate(0, key(NEW_KEY))
    assert library.get_key_version(0) == 7
    assert library.get_key_setting().key_type is DESFireKeyType.DF_KEY_AES


def test_it_makes_and_lists_and_deletes_an_application(library: DESFire) -> None:
    library.authenticate(0, factory_key())
    library.create_application(AID, settings_of(DESFireKeySettings.KS_ALLOW_CHANGE_MK), 5)
    assert library.get_application_ids() == [AID]
    library.delete_application(AID)
    assert library.get_application_ids() == []


def test_it_changes_its_own_key_and_another_and_the_settings(in_application: DESFire) -> None:
    in_application.change_key(2, key(bytes(16)), key(NEW_KEY), 5)
    assert in_application.get_key_version(2) == 5
    in_application.change_key_settings([DESFireKeySettings.KS_ALLOW_CHANGE_MK])
    in_application.change_key(0, key(bytes(16)), key(NEW_KEY), 6)
    for number, version in ((0, 6), (2, 5)):
        in_application.authenticate(number, key(NEW_KEY))
        assert in_application.get_key_version(number) == version


def test_it_writes_and_reads_an_enciphered_file(in_application: DESFire) -> None:
    enciphered = file_of(DESFireCommunicationMode.ENCRYPTED, FilePermissions(1, 1, 1, 0))
    in_application.create_standard_file(1, enciphered)
    assert in_application.get_file_ids() == [1]
    in_application.authenticate(1, key(bytes(16)))
    data = list(b"Kent Card " * 5)
    in_application.write_file_data(1, 7, DESFireCommunicationMode.ENCRYPTED, data)
    settings = in_application.get_file_settings(1)
    assert settings.file_size == 100
    in_application.authenticate(1, key(bytes(16)))
    content = in_application.read_file_data(1, settings)
    assert content == [0] * 7 + data + [0] * 43


def test_it_reads_a_maced_file_written_by_nobody(in_application: DESFire) -> None:
    maced = file_of(DESFireCommunicationMode.CMAC, FilePermissions(2, 2, 2, 0))
    in_application.create_standard_file(1, maced)
    in_application.authenticate(2, key(bytes(16)))
    assert in_application.read_file_data(1, maced) == [0] * 100


def test_it_writes_and_reads_a_free_file_without_a_session(in_application: DESFire) -> None:
    free = file_of(DESFireCommunicationMode.PLAIN, FilePermissions(14, 14, 14, 0))
    in_application.create_standard_file(1, free)
    in_application.select_application(AID)
    in_application.write_file_data(1, 90, DESFireCommunicationMode.PLAIN, [1, 2, 3])
    content = in_application.read_file_data(1, in_application.get_file_settings(1))
    assert content == [0] * 90 + [1, 2, 3] + [0] * 7


def test_its_wrong_half_of_a_mac_is_refused(in_application: DESFire) -> None:
    maced = file_of(DESFireCommunicationMode.CMAC, FilePermissions(0, 0, 0, 0))
    in_application.create_standard_file(1, maced)
    with pytest.raises(DESFireException, match="IntegrityError"):
        in_application.write_file_data(1, 0, DESFireCommunicationMode.CMAC, [1])


def test_the_right_half_of_its_mac_is_taken_and_answered(in_application: DESFire) -> None:
    maced = file_of(DESFireCommunicationMode.CMAC, FilePermissions(0, 0, 0, 0))
    in_application.create_standard_file(1, maced)
    write = [0x3D, 1, 0, 0, 0, 2, 0, 0, 0xAB, 0xCD]
    mac = in_application.session_key.calculate_cmac(write)[:8]
    answer = in_application.device.transceive(write + mac)
    assert answer == [0, *in_application.session_key.calculate_cmac([0])[:8]]
    assert in_application.read_file_data(1, maced)[:3] == [0xAB, 0xCD, 0]


def test_a_wrong_checksum_or_padding_is_refused(in_application: DESFire) -> None:
    settings = [0x54, 0x0F]
    for spoiled in (settings + [0] * 15, settings + CRC32(settings) + [0] * 10 + [1]):
        in_application.authenticate(0, key(bytes(16)))
        sealed = in_application.session_key.encrypt_msg(spoiled, disable_crc=True)
        assert in_application.device.transceive(sealed) == [0x1E]


def test_it_formats_a_card_of_the_factory(library: DESFire) -> None:
    library.authenticate(0, factory_key())
    library.create_application(AID, settings_of(DESFireKeySettings.KS_ALLOW_CHANGE_MK), 1)
    library.authenticate(0, factory_key())
    library.format_card()
    library.authenticate(0, factory_key())
    assert library.get_application_ids() == []


def test_a_key_that_is_not_its_own_opens_nothing(in_application: DESFire) -> None:
    with pytest.raises(DESFireException):
        in_application.authenticate(1, key(NEW_KEY))


# -- a card that our procedures made --------------------------------------------------------------


def test_it_opens_a_kent_card_with_the_keys_our_procedures_wrote() -> None:
    library = DESFire(InProcess(kent_card()))
    library.select_application(list(KENT_AID))
    for number, at in KEYS.application.items():
        library.authenticate(number, key(at.key))
        assert library.get_key_version(number) == at.version


def test_it_reads_the_record_our_procedures_wrote() -> None:
    library = DESFire(InProcess(kent_card()))
    library.select_application(list(KENT_AID))
    library.authenticate(LIBRARY_KEY, key(KEYS.application[LIBRARY_KEY].key))
    layout = FILES[Service.LIBRARY]
    settings = file_of(DESFireCommunicationMode.ENCRYPTED, FilePermissions())
    settings.file_size = layout.size
    content = bytes(library.read_file_data(layout.number, settings))
    assert unframe(content.ljust(layout.size, b"\0")) == RECORDS[Service.LIBRARY]


def test_it_does_not_read_a_file_of_another_service() -> None:
    library = DESFire(InProcess(kent_card()))
    library.select_application(list(KENT_AID))
    library.authenticate(TRAVEL_KEY, key(KEYS.application[TRAVEL_KEY].key))
    settings = file_of(DESFireCommunicationMode.ENCRYPTED, FilePermissions())
    with pytest.raises(DESFireException, match="AuthentError"):
        library.read_file_data(FILES[Service.LIBRARY].number, settings)
