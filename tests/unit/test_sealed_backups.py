"""A sealed file is opened by whoever may, whole, or not at all."""

from collections.abc import Callable
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from cardservice.backups.sealing import (
    FORMAT,
    PIECE,
    Identity,
    Opener,
    Passphrase,
    Recipient,
    Sealer,
)
from cardservice.errors import BackupDamaged, BackupNotOpened

PRIVATE = X25519PrivateKey.from_private_bytes(bytes(range(32)))
TO = Recipient(PRIVATE.public_key())
BY = Identity(PRIVATE)
WORDS = Passphrase("correct horse battery")


def sealed(data: bytes, to: Passphrase | Recipient = TO, *, step: int = PIECE) -> bytes:
    file = BytesIO()
    sealer = Sealer(file, to)
    for start in range(0, len(data), step):
        sealer.write(data[start : start + step])
    sealer.finish()
    return file.getvalue()


def opened(content: bytes, by: Passphrase | Identity = BY) -> bytes:
    opener = Opener(BytesIO(content), by)
    found = b""
    while more := opener.read(100_000):
        found += more
    return found


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 7])
def test_what_was_sealed_is_opened_whole(size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    assert opened(sealed(data)) == data
    assert opened(sealed(data, step=333_333)) == data


def test_a_passphrase_opens_what_was_sealed_with_it_and_no_other_does() -> None:
    content = sealed(b"secret", WORDS)
    assert opened(content, WORDS) == b"secret"
    with pytest.raises(BackupNotOpened, match="This passphrase"):
        opened(content, Passphrase("correct horse batterz"))
    with pytest.raises(BackupNotOpened, match="opened by a passphrase"):
        opened(content, BY)


def test_a_private_key_opens_what_was_sealed_for_it_and_no_other_does() -> None:
    content = sealed(b"secret")
    with pytest.raises(BackupNotOpened, match="This private key"):
        opened(content, Identity(X25519PrivateKey.generate()))
    with pytest.raises(BackupNotOpened, match="opened by a private key"):
        opened(content, WORDS)


def test_two_files_of_the_same_content_have_nothing_in_common_but_the_format() -> None:
    one, other = sealed(bytes(1000)), sealed(bytes(1000))
    assert one[len(FORMAT) :] != other[len(FORMAT) :]
    assert bytes(16) not in one


def _pieces(content: bytes) -> tuple[bytes, list[bytes]]:
    body = content.index(b"}") + 2
    step = PIECE + 16
    return content[:body], [content[at : at + step] for at in range(body, len(content), step)]


def _without_piece(content: bytes, number: int) -> bytes:
    head, pieces = _pieces(content)
    del pieces[number]
    return head + b"".join(pieces)


def _swapped(content: bytes) -> bytes:
    head, pieces = _pieces(content)
    return head + pieces[1] + pieces[0] + b"".join(pieces[2:])


LONG = sealed(bytes(range(256)) * 8200)  # more than two pieces


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content[:0], id="nothing"),
        pytest.param(lambda content: content[:-1], id="a byte short"),
        pytest.param(lambda content: content[: -(len(content) // 3)], id="a third short"),
        pytest.param(lambda content: content + b"\0", id="a byte more"),
        pytest.param(lambda content: content + content[-100:], id="the end twice"),
        pytest.param(lambda content: b"kent-card-backup-2\n" + content[19:], id="another version"),
        pytest.param(lambda content: content[: len(FORMAT) + 30], id="half a header"),
        pytest.param(lambda content: content[: content.index(b"}") + 2], id="a header alone"),
        pytest.param(lambda content: content.replace(b'"opens"', b'"Opens"'), id="a header's name"),
        pytest.param(
            lambda content: content.replace(b'"recipient"', b'"nobodyyyy"'), id="opened by nobody"
        ),
        pytest.param(lambda content: _without_piece(content, 0), id="without its first piece"),
        pytest.param(lambda content: _without_piece(content, 1), id="without its second"),
        pytest.param(lambda content: _without_piece(content, 2), id="without its last"),
        pytest.param(_swapped, id="pieces in another order"),
    ],
)
def test_a_spoilt_file_is_noticed(spoil: Callable[[bytes], bytes]) -> None:
    spoilt = spoil(LONG)
    assert spoilt != LONG
    with pytest.raises((BackupDamaged, BackupNotOpened)):
        opened(spoilt)


SHORT = sealed(b"a short secret")


@settings(max_examples=300)
@given(st.integers(0, len(SHORT) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(place: int, change: int) -> None:
    spoilt = bytearray(SHORT)
    spoilt[place] ^= change
    with pytest.raises((BackupDamaged, BackupNotOpened)):
        opened(bytes(spoilt))
