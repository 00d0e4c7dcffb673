"""The terminal's half of EV2 secure messaging."""

from hmac import compare_digest

from readers.card.codes import CommMode, Status
from readers.card.crypto import (
    BLOCK,
    MAC_BYTES,
    SessionKeys,
    command_iv,
    decrypt,
    encrypt,
    pad,
    response_iv,
    truncated_mac,
    unpad,
)
from readers.errors import CardNotGenuine


class SecureSession:
    """What both sides hold after an authentication, until the card refuses something.

    Source: MF2DLHX0 section 9.3; AN12343.

    Attributes:
        key_no: the key that opened it.
        ti: the transaction's identifier, 4 bytes, chosen by the card.
        counter: commands answered since AuthenticateEV2First.
    """

    def __init__(self, key_no: int, keys: SessionKeys, ti: bytes, counter: int = 0) -> None:
        self.key_no = key_no
        self.ti = ti
        self.counter = counter
        self._keys = keys

    def seal(self, ins: int, header: bytes, data: bytes, mode: CommMode) -> bytes:
        """What follows the instruction byte: ``header`` is never enciphered, ``data`` may be."""
        if mode is CommMode.PLAIN:
            return header + data
        if mode is CommMode.FULL and data:
            iv = command_iv(self._keys.enc, self.ti, self.counter)
            data = encrypt(self._keys.enc, pad(data), iv)
        return header + data + self._mac(ins, header + data)

    def open(self, answer: bytes, mode: CommMode) -> bytes:
        """The data of a successful answer, once it is shown to be the card's.

        Raises:
            CardNotGenuine: if MAC, length or padding is wrong.
        """
        self.counter += 1
        if mode is CommMode.PLAIN:
            return answer
        data, mac = answer[:-MAC_BYTES], answer[-MAC_BYTES:]
        if not compare_digest(mac, self._mac(Status.OK, data)):
            raise CardNotGenuine("the MAC of an answer is wrong")
        return self._deciphered(data) if mode is CommMode.FULL and data else data

    def _deciphered(self, data: bytes) -> bytes:
        if len(data) % BLOCK:
            raise CardNotGenuine("an enciphered answer is no whole number of blocks")
        iv = response_iv(self._keys.enc, self.ti, self.counter)
        try:
            return unpad(decrypt(self._keys.enc, data, iv))
        except ValueError as error:
            raise CardNotGenuine("an enciphered answer is not padded") from error

    def _mac(self, code: int, body: bytes) -> bytes:
        counter = self.counter.to_bytes(2, "little")
        return truncated_mac(self._keys.mac, bytes([code]) + counter + self.ti + body)
