"""The single commands of a card, each as a procedure.

All of them raise what :func:`readers.card.exchange.exchange` raises. ``session`` is the session
that protects the command; None sends it in plain.
"""

from typing import Final, NamedTuple

from readers.card.apdu import CommandApdu, Procedure
from readers.card.codes import AES_KEYS, CommMode, Ins, Status
from readers.card.crypto import crc32, xor
from readers.card.exchange import NATIVE, WHOLE, exchange
from readers.card.keys import AID_BYTES, KeyAt
from readers.card.secure import SecureSession
from readers.errors import CardRefused, ForeignCard

READ_UID: Final = CommandApdu(0xCA, cla=0xFF)
"""Answered by the reader itself. Source: PC/SC part 3 section 3.2.2.1.3 (Get Data)."""

ISO_OK: Final = 0x9000
UID_LENGTHS: Final = (4, 7, 10)


class KeySettings(NamedTuple):
    """Of a card or an application.

    Attributes:
        rights: which key may do what.
        keys: number of keys, with the bits of their kind.
    """

    rights: int
    keys: int


def read_uid() -> Procedure[bytes]:
    """The UID the reader saw: 4 (random or MIFARE Classic), 7 or 10 bytes.

    Raises:
        ForeignCard: the reader tells none, so this is no contactless card.
    """
    response = yield READ_UID
    if response.sw != ISO_OK or len(response.data) not in UID_LENGTHS:
        raise ForeignCard(f"answer {response.sw:04X} to the question for a UID")
    return response.data


def select_application(aid: bytes) -> Procedure[None]:
    """Select; an open session and whatever was not committed are gone.

    Raises:
        ForeignCard: there is no such application.
    """
    try:
        yield from exchange(None, Ins.SELECT_APPLICATION, aid)
    except CardRefused as refused:
        if refused.status == Status.APPLICATION_NOT_FOUND:
            raise ForeignCard("the card has no such application") from refused
        raise


def get_application_ids(session: SecureSession | None) -> Procedure[list[bytes]]:
    """Numbers of all applications, 3 bytes each as on the wire."""
    ids = yield from exchange(session, Ins.GET_APPLICATION_IDS, framing=NATIVE)
    return [ids[i : i + AID_BYTES] for i in range(0, len(ids), AID_BYTES)]


def create_application(
    session: SecureSession | None, aid: bytes, *, key_settings: int, key_count: int
) -> Procedure[None]:
    """Make an application whose keys are all AES, zero, of version 0."""
    parameters = aid + bytes([key_settings, AES_KEYS | key_count])
    yield from exchange(session, Ins.CREATE_APPLICATION, parameters)


def get_key_settings(session: SecureSession | None) -> Procedure[KeySettings]:
    """Settings of what is selected."""
    answer = yield from exchange(session, Ins.GET_KEY_SETTINGS)
    if len(answer) != len(KeySettings._fields):
        raise ForeignCard(f"key settings of {len(answer)} bytes")
    return KeySettings(*answer)


def change_key_settings(session: SecureSession, rights: int) -> Procedure[None]:
    """Settings of what is selected."""
    data = bytes([rights])
    yield from exchange(session, Ins.CHANGE_KEY_SETTINGS, data=data, mode=CommMode.FULL)


def set_configuration(session: SecureSession, option: int, data: bytes) -> Procedure[None]:
    """Settings of the whole card, some of which can never be taken back."""
    header = bytes([option])
    yield from exchange(session, Ins.SET_CONFIGURATION, header, data, mode=CommMode.FULL)


def get_key_version(session: SecureSession | None, key_no: int) -> Procedure[int]:
    """Version byte of a key; told to anybody."""
    answer = yield from exchange(session, Ins.GET_KEY_VERSION, bytes([key_no]))
    if len(answer) != 1:
        raise ForeignCard(f"a key version of {len(answer)} bytes")
    return answer[0]


def change_own_key(session: SecureSession, new: KeyAt, *, key_no: int) -> Procedure[None]:
    """Replace the key that opened ``session``, which is over afterwards.

    ``key_no`` is the session's; for the card's own key with
    :data:`~readers.card.codes.AES_KEYS` added.
    """
    data = new.key + bytes([new.version])
    sealed = session.seal(Ins.CHANGE_KEY, bytes([key_no]), data, CommMode.FULL)
    yield from exchange(None, Ins.CHANGE_KEY, sealed)


def change_key(session: SecureSession, key_no: int, new: KeyAt, *, old: bytes) -> Procedure[None]:
    """Replace another key than the session's own, which must be the one that changes keys."""
    data = xor(new.key, old) + bytes([new.version]) + crc32(new.key)
    yield from exchange(session, Ins.CHANGE_KEY, bytes([key_no]), data, mode=CommMode.FULL)


def get_card_uid(session: SecureSession) -> Procedure[bytes]:
    """The card's own UID, also where the field shows a random one."""
    return (yield from exchange(session, Ins.GET_CARD_UID, mode=CommMode.FULL))


def get_file_ids(session: SecureSession | None) -> Procedure[bytes]:
    """Numbers of all files, a byte each."""
    return (yield from exchange(session, Ins.GET_FILE_IDS, framing=NATIVE))


def get_file_settings(session: SecureSession | None, file_no: int) -> Procedure[bytes]:
    """Kind, communication mode, access (2), size (3), all low byte first."""
    return (yield from exchange(session, Ins.GET_FILE_SETTINGS, bytes([file_no])))


def create_standard_file(
    session: SecureSession | None, file_no: int, *, mode: CommMode, access: int, size: int
) -> Procedure[None]:
    """Make a file that is written at once. ``access`` as :attr:`FileLayout.access`."""
    settings = _file_settings(file_no, mode, access, size)
    yield from exchange(session, Ins.CREATE_STANDARD_FILE, settings)


def create_backup_file(
    session: SecureSession | None, file_no: int, *, mode: CommMode, access: int, size: int
) -> Procedure[None]:
    """Make a file that changes at commit only, or not at all; it takes twice the memory."""
    settings = _file_settings(file_no, mode, access, size)
    yield from exchange(session, Ins.CREATE_BACKUP_FILE, settings)


def read_data(
    session: SecureSession | None,
    file_no: int,
    offset: int,
    length: int,
    *,
    mode: CommMode,
    native: bool = False,
) -> Procedure[bytes]:
    """Bytes of a file; ``length`` 0 means all from ``offset`` on.

    Args:
        session: None where the file is free to read.
        file_no: the file.
        offset: from 0.
        length: in one command at most 254 bytes with padding and MAC.
        mode: the file's.
        native: in frames of the native protocol, for more than one command can carry.
    """
    ins, framing = (Ins.READ_DATA, NATIVE) if native else (Ins.READ_DATA_ISO, WHOLE)
    header = _range(file_no, offset, length)
    return (yield from exchange(session, ins, header, mode=mode, framing=framing))


def write_data(
    session: SecureSession | None,
    file_no: int,
    offset: int,
    data: bytes,
    *,
    mode: CommMode,
    native: bool = False,
) -> Procedure[None]:
    """Write into a file; a backup file keeps its old content until the commit.

    Args:
        session: None where the file is free to write.
        file_no: the file.
        offset: from 0.
        data: in one command at most 248 bytes with padding and MAC.
        mode: the file's.
        native: in frames of the native protocol, for more than one command can carry.

    Raises:
        ValueError: ``data`` does not fit one command and ``native`` is not set.
    """
    ins, framing = (Ins.WRITE_DATA, NATIVE) if native else (Ins.WRITE_DATA_ISO, WHOLE)
    header = _range(file_no, offset, len(data))
    yield from exchange(session, ins, header, data, mode=mode, framing=framing)


def commit_transaction(session: SecureSession | None) -> Procedure[None]:
    """Make everything written to backup files count, all of it at once."""
    yield from exchange(session, Ins.COMMIT_TRANSACTION)


def abort_transaction(session: SecureSession | None) -> Procedure[None]:
    """Forget everything written to backup files since the last commit."""
    yield from exchange(session, Ins.ABORT_TRANSACTION)


def _file_settings(file_no: int, mode: CommMode, access: int, size: int) -> bytes:
    return bytes([file_no, mode]) + access.to_bytes(2, "little") + size.to_bytes(3, "little")


def _range(file_no: int, offset: int, length: int) -> bytes:
    return bytes([file_no]) + offset.to_bytes(3, "little") + length.to_bytes(3, "little")
