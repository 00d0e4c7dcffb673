"""The card's half of secure messaging: nothing, EV1's running IV, or EV2's counted commands."""

from hmac import compare_digest
from typing import Final, NamedTuple, Protocol

from readers.card.codes import CommMode, Status
from readers.card.crypto import (
    MAC_BYTES,
    SessionKeys,
    cmac,
    command_iv,
    crc32,
    decrypt,
    decrypt_des,
    doubled,
    encrypt,
    encrypt_des,
    pad,
    response_iv,
    unpad,
    xor,
)
from readers.virtual.filesystem import Cipher, Refusal

CRC_BYTES: Final = 4
BLOCK_OF: Final = {Cipher.AES: 16, Cipher.DES: 8}


class Expected(NamedTuple):
    """What a command must carry.

    Attributes:
        header: bytes that are never enciphered.
        mode: how the rest is protected.
        data: bytes of data.
        tail: bytes after the data that EV1 puts behind its checksum.
    """

    header: int
    mode: CommMode
    data: int = 0
    tail: int = 0


class Session(Protocol):
    """How messages are protected, from one authentication to the next."""

    key_no: int | None

    def length(self, expected: Expected) -> int:
        """Bytes such a command has on the wire after its instruction byte."""
        ...

    def accept(self, ins: int, payload: bytes, expected: Expected) -> tuple[bytes, bytes]:
        """Header and plain data of a command of the right length.

        Raises:
            Refusal: if MAC, checksum or padding is wrong.
        """
        ...

    def answer(self, data: bytes, mode: CommMode) -> bytes:
        """Successful answer as it goes over the air, without its status."""
        ...


class Unprotected:
    """Before any authentication."""

    key_no: int | None = None

    def length(self, expected: Expected) -> int:
        """See :class:`Session`."""
        return expected.header + expected.data + expected.tail

    def accept(self, ins: int, payload: bytes, expected: Expected) -> tuple[bytes, bytes]:  # noqa: ARG002 - protects nothing
        """See :class:`Session`."""
        return payload[: expected.header], payload[expected.header :]

    def answer(self, data: bytes, mode: CommMode) -> bytes:  # noqa: ARG002 - protects nothing
        """See :class:`Session`."""
        return data


class RunningSession:
    """EV1: every message moves an IV on, whether it carries a MAC or not.

    Source: the public libfreefare ``mifare_desfire_crypto.c``; traces of a real card in
    paultag/desox-rs.
    """

    def __init__(self, key_no: int, cipher: Cipher, key: bytes) -> None:
        self.key_no: int | None = key_no
        self._block = BLOCK_OF[cipher]
        self._key = key
        self._encrypt = encrypt if cipher is Cipher.AES else encrypt_des
        self._decrypt = decrypt if cipher is Cipher.AES else decrypt_des
        self._iv = bytes(self._block)

    def length(self, expected: Expected) -> int:
        """See :class:`Session`."""
        size = expected.data + expected.tail
        if not size or expected.mode is CommMode.PLAIN:
            return expected.header + size
        if expected.mode is CommMode.MACED:
            return expected.header + size + MAC_BYTES
        size += CRC_BYTES
        return expected.header + size + -size % self._block

    def accept(self, ins: int, payload: bytes, expected: Expected) -> tuple[bytes, bytes]:
        """See :class:`Session`."""
        header, body = payload[: expected.header], payload[expected.header :]
        command = bytes([ins]) + header
        if body and expected.mode is CommMode.FULL:
            return header, self._checked(command, self._deciphered(body), expected)
        if body and expected.mode is CommMode.MACED:
            body, mac = body[:-MAC_BYTES], body[-MAC_BYTES:]
            if not compare_digest(mac, self._mac(command + body)):
                raise Refusal(Status.INTEGRITY_ERROR)
            return header, body
        self._mac(command + body)
        return header, body

    def answer(self, data: bytes, mode: CommMode) -> bytes:
        """See :class:`Session`."""
        if mode is CommMode.FULL:
            plain = data + crc32(data + bytes([Status.OK]))
            return self._enciphered(plain + bytes(-len(plain) % self._block))
        return data + self._mac(data + bytes([Status.OK]))

    def _checked(self, command: bytes, plain: bytes, expected: Expected) -> bytes:
        data, rest = plain[: expected.data], plain[expected.data :]
        crc, rest = rest[:CRC_BYTES], rest[CRC_BYTES:]
        tail, padding = rest[: expected.tail], rest[expected.tail :]
        if crc != crc32(command + data) or any(padding):
            raise Refusal(Status.INTEGRITY_ERROR)
        return data + tail

    def _enciphered(self, plain: bytes) -> bytes:
        sent = self._encrypt(self._key, plain, self._iv)
        self._iv = sent[-self._block :]
        return sent

    def _deciphered(self, received: bytes) -> bytes:
        plain = self._decrypt(self._key, received, self._iv)
        self._iv = received[-self._block :]
        return plain

    def _mac(self, message: bytes) -> bytes:
        """CMAC whose chain starts at the running IV and becomes it."""
        k1 = doubled(self._encrypt(self._key, bytes(self._block)))
        last_key = k1
        if len(message) % self._block:
            last_key = doubled(k1)
            message += b"\x80" + bytes(-(len(message) + 1) % self._block)
        last = xor(message[-self._block :], last_key)
        return self._enciphered(message[: -self._block] + last)[-self._block :][:MAC_BYTES]


class CountedSession:
    """EV2: a MAC over code, counter and transaction identifier; IVs made of them.

    Source: MF2DLHX0 section 9.3.
    """

    def __init__(self, key_no: int, keys: SessionKeys, ti: bytes, counter: int = 0) -> None:
        self.key_no: int | None = key_no
        self.ti = ti
        self.counter = counter
        self._keys = keys

    def length(self, expected: Expected) -> int:
        """See :class:`Session`."""
        size = expected.data + expected.tail
        if expected.mode is CommMode.PLAIN:
            return expected.header + size
        if expected.mode is CommMode.FULL:
            size = len(pad(bytes(size)))
        return expected.header + size + MAC_BYTES

    def accept(self, ins: int, payload: bytes, expected: Expected) -> tuple[bytes, bytes]:
        """See :class:`Session`."""
        counter, self.counter = self.counter, self.counter + 1
        if expected.mode is CommMode.PLAIN:
            return payload[: expected.header], payload[expected.header :]
        signed, mac = payload[:-MAC_BYTES], payload[-MAC_BYTES:]
        if not compare_digest(mac, self._mac(ins, counter, signed)):
            raise Refusal(Status.INTEGRITY_ERROR)
        header, body = signed[: expected.header], signed[expected.header :]
        if not body or expected.mode is CommMode.MACED:
            return header, body
        plain = decrypt(self._keys.enc, body, command_iv(self._keys.enc, self.ti, counter))
        try:
            return header, unpad(plain)
        except ValueError as error:
            raise Refusal(Status.INTEGRITY_ERROR) from error

    def answer(self, data: bytes, mode: CommMode) -> bytes:
        """See :class:`Session`."""
        if mode is CommMode.PLAIN:
            return data
        if mode is CommMode.FULL:
            iv = response_iv(self._keys.enc, self.ti, self.counter)
            data = encrypt(self._keys.enc, pad(data), iv)
        return data + self._mac(Status.OK, self.counter, data)

    def _mac(self, code: int, counter: int, message: bytes) -> bytes:
        counted = bytes([code]) + counter.to_bytes(2, "little") + self.ti + message
        return bytes(b for i, b in enumerate(cmac(self._keys.mac, counted)) if i % 2)
