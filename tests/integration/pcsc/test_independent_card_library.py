"""A DESFire library we did not write talks through pcscd to the virtual card.

python-desfire speaks native commands and EV1 secure messaging with AES, which no part of ours uses
on a reader: what both sides agree on here, neither of them learnt from the other.
"""

from collections.abc import Iterator

import pytest
from desfire import DESFire, DESFireKey
from desfire.devices.base import Device
from desfire.enums import (
    DESFireCommunicationMode,
    DESFireFileType,
    DESFireKeySettings,
    DESFireKeyType,
)
from desfire.exceptions import DESFireAuthException, DESFireCommunicationError
from desfire.schemas import FilePermissions, FileSettings, KeySettings

from readers.card.channel import Channel
from readers.pcsc.channel import connect
from readers.virtual.card import VirtualCard
from readers.virtual.pcscd import Pcscd
from tests.support.pcsc import laid

pytestmark = pytest.mark.pcsc

AID = [0x0A, 0x0B, 0x0C]
UID = bytes.fromhex("04112233445566")
NEW_KEY = bytes(range(16))
DATA = list(b"written by another library")


class ChannelDevice(Device):  # type: ignore[misc] # the library has no types
    """What the library wants to talk to a card: lists of bytes, native framing."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def transceive(self, frame: list[int]) -> list[int]:
        return list(self._channel.transmit(bytes(frame)))


def key(kind: DESFireKeyType, secret: bytes) -> DESFireKey:
    return DESFireKey(KeySettings(key_type=kind), secret)


def aes(secret: bytes) -> DESFireKey:
    return key(DESFireKeyType.DF_KEY_AES, secret)


@pytest.fixture
def desfire(pcscd: Pcscd) -> Iterator[DESFire]:
    """A factory card with one AES application, made by the library and selected."""
    reader = pcscd.readers[0]
    with laid(pcscd, reader, VirtualCard(UID)), connect(reader) as channel:
        card = DESFire(ChannelDevice(channel))
        card.authenticate(0, key(DESFireKeyType.DF_KEY_2K3DES, bytes(8)))
        settings = KeySettings(
            key_type=DESFireKeyType.DF_KEY_AES,
            settings=[
                DESFireKeySettings.KS_ALLOW_CHANGE_MK,
                DESFireKeySettings.KS_LISTING_WITHOUT_MK,
                DESFireKeySettings.KS_CREATE_DELETE_WITHOUT_MK,
                DESFireKeySettings.KS_CONFIGURATION_CHANGEABLE,
            ],
        )
        card.create_application(AID, settings, 2)
        card.select_application(AID)
        yield card


def test_it_authenticates_with_aes_and_changes_the_key(desfire: DESFire) -> None:
    desfire.authenticate(0, aes(bytes(16)))
    desfire.change_key(0, aes(bytes(16)), aes(NEW_KEY), 1)
    desfire.select_application(AID)
    desfire.authenticate(0, aes(NEW_KEY))
    assert desfire.get_key_version(0) == 1


def test_a_wrong_key_is_refused(desfire: DESFire) -> None:
    with pytest.raises((DESFireAuthException, DESFireCommunicationError)):
        desfire.authenticate(0, aes(NEW_KEY))


def file_in(mode: DESFireCommunicationMode) -> FileSettings:
    return FileSettings(
        encryption=mode,
        file_type=DESFireFileType.MDFT_STANDARD_DATA_FILE,
        permissions=FilePermissions(read_key=0, write_key=0, read_write_key=0, change_key=0),
        file_size=32,
    )


@pytest.mark.parametrize(
    "mode",
    [DESFireCommunicationMode.PLAIN, DESFireCommunicationMode.ENCRYPTED],
    ids=["plain", "full"],
)
def test_it_creates_writes_and_reads_a_standard_file(
    desfire: DESFire, mode: DESFireCommunicationMode
) -> None:
    desfire.authenticate(0, aes(bytes(16)))
    desfire.create_standard_file(1, file_in(mode))
    desfire.write_file_data(1, 0, mode, DATA)
    found = desfire.get_file_settings(1)
    assert (found.file_size, found.encryption) == (32, mode)
    assert desfire.read_file_data(1, found)[: len(DATA)] == DATA


def test_it_reads_a_maced_file_and_its_wrong_mac_on_a_write_is_refused(desfire: DESFire) -> None:
    """Version 0.1.5 sends the last eight bytes of the CMAC with a write; the card wants the first.

    (It takes the first eight of an answer itself, as the card sends them.)
    """
    maced = DESFireCommunicationMode.CMAC
    desfire.authenticate(0, aes(bytes(16)))
    desfire.create_standard_file(1, file_in(maced))
    assert desfire.read_file_data(1, desfire.get_file_settings(1)) == [0] * 32
    with pytest.raises(DESFireCommunicationError, match="ST_IntegrityError"):
        desfire.write_file_data(1, 0, maced, DATA)
    desfire.authenticate(0, aes(bytes(16)))
    assert desfire.read_file_data(1, desfire.get_file_settings(1)) == [0] * 32


def test_it_reads_version_and_real_uid(desfire: DESFire) -> None:
    assert desfire.get_card_version().uid == list(UID)
    desfire.select_application(AID)
    desfire.authenticate(0, aes(bytes(16)))
    assert desfire.get_real_uid()[: len(UID)] == list(UID)
