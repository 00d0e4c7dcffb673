"""libfreefare, called from C's side, makes an AES application on the card it finds, and uses it.

``python tests/support/freefare_session.py`` prints what it read as JSON; LD_LIBRARY_PATH names the
directory of a libnfc with its pcsc driver.
"""

import ctypes
import json
import sys
from ctypes import byref, c_char_p, c_uint8, c_uint16, c_uint32, c_void_p
from typing import Any

AID = 0x0C0B0A
SETTINGS = 0x0F
KEY_0 = 0x0000
"""Rights of a file: key 0 for everything."""
PLAIN, MACED, ENCIPHERED = 0x00, 0x01, 0x03
ZERO = bytes(16)
WRONG = bytes(range(16))
DATA = b"written by libfreefare"

nfc = ctypes.CDLL("libnfc.so.6")
freefare = ctypes.CDLL("libfreefare.so.0")
nfc.nfc_open.restype = c_void_p
freefare.freefare_get_tags.restype = ctypes.POINTER(c_void_p)
freefare.freefare_strerror.restype = c_char_p
freefare.freefare_get_tag_friendly_name.restype = c_char_p
for name in ("mifare_desfire_aid_new", "mifare_desfire_aes_key_new"):
    getattr(freefare, name).restype = c_void_p


def called(name: str, tag: int, *arguments: Any) -> int:  # noqa: ANN401  (of any C type)
    """Call a function about the card; its answer, or the words of libfreefare."""
    answer: int = getattr(freefare, f"mifare_desfire_{name}")(c_void_p(tag), *arguments)
    if answer < 0:
        raise SystemExit(f"{name}: {freefare.freefare_strerror(c_void_p(tag)).decode()}")
    return answer


def key(secret: bytes) -> c_void_p:
    """A key as libfreefare holds it."""
    return c_void_p(freefare.mifare_desfire_aes_key_new(secret))


def through_a_file(tag: int, number: int, mode: int, rights: int) -> str:
    """Make a file, write into it, and read it again."""
    size = c_uint32(len(DATA))
    file, room = c_uint8(number), ctypes.create_string_buffer(64)
    called("create_std_data_file", tag, file, c_uint8(mode), c_uint16(rights), size)
    called("write_data", tag, file, ctypes.c_long(0), ctypes.c_size_t(len(DATA)), DATA)
    read = called("read_data", tag, file, ctypes.c_long(0), ctypes.c_size_t(len(DATA)), room)
    return room.raw[:read].decode()


def main() -> None:
    """Find the card and go through all of it."""
    context = c_void_p()
    nfc.nfc_init(byref(context))
    device = nfc.nfc_open(context, None)
    tag = freefare.freefare_get_tags(c_void_p(device))[0]
    came: dict[str, Any] = {"card": freefare.freefare_get_tag_friendly_name(c_void_p(tag)).decode()}
    called("connect", tag)
    aid = c_void_p(freefare.mifare_desfire_aid_new(c_uint32(AID)))
    called("create_application_aes", tag, aid, c_uint8(SETTINGS), c_uint8(1))
    called("select_application", tag, aid)
    wrong = freefare.mifare_desfire_authenticate_aes(c_void_p(tag), c_uint8(0), key(WRONG))
    came["wrong key"] = wrong
    called("authenticate_aes", tag, c_uint8(0), key(ZERO))
    came["plain"] = through_a_file(tag, 1, PLAIN, KEY_0)
    came["maced"] = through_a_file(tag, 2, MACED, KEY_0)
    came["enciphered"] = through_a_file(tag, 3, ENCIPHERED, KEY_0)
    called("change_key", tag, c_uint8(0), key(WRONG), key(ZERO))
    called("select_application", tag, aid)
    called("authenticate_aes", tag, c_uint8(0), key(WRONG))
    settings, keys = c_uint8(), c_uint8()
    called("get_key_settings", tag, byref(settings), byref(keys))
    came["keys"] = keys.value & 0x0F
    json.dump(came, sys.stdout)


if __name__ == "__main__":
    main()
