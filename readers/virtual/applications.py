"""Commands of the card's own level, of applications and of keys."""

from typing import Final

from readers.card.codes import AES_KEYS, CommMode, Ins, Status
from readers.card.crypto import crc32, xor
from readers.virtual.filesystem import ROOT, Application, Cipher, Key, Refusal, Rights
from readers.virtual.messaging import CRC_BYTES, Expected
from readers.virtual.state import Answer, Command, Commands, State, parameters, sealed

AID_BYTES: Final = 3
CREATION_BYTES: Final = 5
AES_KEY_BYTES: Final = 16
DES_KEY_BYTES: Final = 8
MAX_KEYS: Final = 14
CONFIGURE_PICC: Final = 0
DISABLE_FORMAT: Final = 1

HARDWARE: Final = bytes.fromhex("04010133001805")
SOFTWARE: Final = bytes.fromhex("04010103001805")
PRODUCTION: Final = bytes.fromhex("00000000004726")
"""Batch (5 bytes), week and year: of a card that never was."""


# -- the card -------------------------------------------------------------------------------------


def _get_version(state: State, _header: bytes, _data: bytes) -> Answer:
    production = state.memory.uid + PRODUCTION
    return Answer(HARDWARE + SOFTWARE + production, cuts=(len(HARDWARE), 2 * len(HARDWARE)))


def _get_card_uid(state: State, _header: bytes, _data: bytes) -> Answer:
    if state.key_no is None:
        raise Refusal(Status.AUTHENTICATION_ERROR)
    return Answer(state.memory.uid, CommMode.FULL)


def _set_configuration(state: State, header: bytes, data: bytes) -> Answer:
    state.require_root()
    state.app.require_master(state.key_no)
    if header[0] != CONFIGURE_PICC or data[0] & ~DISABLE_FORMAT:
        raise Refusal(Status.PARAMETER_ERROR)
    if data[0]:
        state.memory.format_disabled = True
    return Answer()


def _format_picc(state: State, _header: bytes, _data: bytes) -> Answer:
    state.require_root()
    state.app.require_master(state.key_no)
    if state.memory.format_disabled:
        raise Refusal(Status.PERMISSION_DENIED)
    state.memory.applications = {ROOT.hex(): state.app}
    return Answer()


# -- applications ---------------------------------------------------------------------------------


def _select_application(state: State, header: bytes, _data: bytes) -> Answer:
    state.memory.application(header)
    state.aid = header
    return Answer(mode=None)


def _get_application_ids(state: State, _header: bytes, _data: bytes) -> Answer:
    state.require_root()
    state.app.require(Rights.FREE_LISTING, state.key_no)
    return Answer(b"".join(bytes.fromhex(aid) for aid in state.memory.applications)[len(ROOT) :])


def _create_application(state: State, header: bytes, _data: bytes) -> Answer:
    state.require_root()
    state.app.require(Rights.FREE_CREATE_DELETE, state.key_no)
    aid, settings, keys = header[:AID_BYTES].hex(), header[AID_BYTES], header[AID_BYTES + 1]
    count = keys ^ AES_KEYS
    if not 1 <= count <= MAX_KEYS:
        raise Refusal(Status.PARAMETER_ERROR)
    if aid in state.memory.applications:
        raise Refusal(Status.DUPLICATE)
    zero = [Key(Cipher.AES, bytes(AES_KEY_BYTES)) for _ in range(count)]
    state.memory.applications[aid] = Application(settings, zero)
    return Answer()


def _delete_application(state: State, header: bytes, _data: bytes) -> Answer:
    state.require_root()
    state.app.require_master(state.key_no)
    state.memory.application(header)
    if header == ROOT:
        raise Refusal(Status.PERMISSION_DENIED)
    del state.memory.applications[header.hex()]
    return Answer()


def _get_key_settings(state: State, _header: bytes, _data: bytes) -> Answer:
    state.app.require(Rights.FREE_LISTING, state.key_no)
    keys = state.app.keys
    kind = AES_KEYS if keys[0].cipher is Cipher.AES else 0
    return Answer(bytes([state.app.settings, kind | len(keys)]))


def _change_key_settings(state: State, _header: bytes, data: bytes) -> Answer:
    state.app.require_master(state.key_no)
    if not state.app.settings & Rights.SETTINGS_CHANGEABLE:
        raise Refusal(Status.PERMISSION_DENIED)
    state.app.settings = data[0]
    return Answer()


# -- keys -----------------------------------------------------------------------------------------


def _get_key_version(state: State, header: bytes, _data: bytes) -> Answer:
    return Answer(bytes([state.app.key(header[0]).version]))


def _expect_change_key(state: State, payload: bytes) -> Expected:
    key_no, cipher = _changed(state, payload[:1] or b"\0")
    own = key_no == state.key_no
    size = AES_KEY_BYTES + (1 if cipher is Cipher.AES else 0)
    return Expected(1, CommMode.FULL, size, 0 if own else CRC_BYTES)


def _change_key(state: State, header: bytes, data: bytes) -> Answer:
    key_no, cipher = _changed(state, header)
    state.app.require_may_change(key_no, state.key_no)
    value, rest = data[:AES_KEY_BYTES], data[AES_KEY_BYTES:]
    own = key_no == state.key_no
    if not own:
        value = xor(value, state.app.key(key_no).value)
        if rest[-CRC_BYTES:] != crc32(value):
            raise Refusal(Status.INTEGRITY_ERROR)
    state.app.keys[key_no] = _new_key(cipher, value, rest)
    if not own:
        return Answer()
    state.end_session()
    return Answer(mode=None)


def _changed(state: State, header: bytes) -> tuple[int, Cipher]:
    """Only the card's own key may change its kind, which its number then tells."""
    key_no = header[0] & 0xF
    if state.aid == ROOT:
        return key_no, Cipher.AES if header[0] & AES_KEYS else Cipher.DES
    return key_no, state.app.key(key_no).cipher


def _new_key(cipher: Cipher, value: bytes, rest: bytes) -> Key:
    if cipher is Cipher.AES:
        return Key(cipher, value, rest[0])
    if value[:DES_KEY_BYTES] != value[DES_KEY_BYTES:]:
        raise Refusal(Status.PARAMETER_ERROR)
    return Key(cipher, value[:DES_KEY_BYTES])


APPLICATION_COMMANDS: Final[Commands] = {
    Ins.GET_VERSION: Command(parameters(0), _get_version),
    Ins.GET_CARD_UID: Command(parameters(0), _get_card_uid),
    Ins.SET_CONFIGURATION: Command(sealed(1, 1), _set_configuration),
    Ins.FORMAT_PICC: Command(parameters(0), _format_picc),
    Ins.SELECT_APPLICATION: Command(parameters(AID_BYTES), _select_application),
    Ins.GET_APPLICATION_IDS: Command(parameters(0), _get_application_ids),
    Ins.CREATE_APPLICATION: Command(parameters(CREATION_BYTES), _create_application),
    Ins.DELETE_APPLICATION: Command(parameters(AID_BYTES), _delete_application),
    Ins.GET_KEY_SETTINGS: Command(parameters(0), _get_key_settings),
    Ins.CHANGE_KEY_SETTINGS: Command(sealed(0, 1), _change_key_settings),
    Ins.GET_KEY_VERSION: Command(parameters(1), _get_key_version),
    Ins.CHANGE_KEY: Command(_expect_change_key, _change_key),
}
