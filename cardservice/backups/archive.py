"""What is in a backup: a manifest, the database and the key store, as a tar file in that order."""

import hashlib
import tarfile
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

import msgspec

from cardservice.backups.sealing import Opener, Sealer
from cardservice.errors import BackupDamaged

DATABASE: Final = "database"
KEYS: Final = "keys"
_MANIFEST: Final = "manifest.json"
_BLOCK: Final = 1024 * 1024
_LARGEST_MANIFEST: Final = 1024 * 1024
FORMAT: Final = 1

Engine = Literal["sqlite", "postgresql"]


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the backup: its size in bytes and the SHA-256 of it in hexadecimal."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup says of itself.

    Attributes:
        format: of this.
        made_at: when it was begun; what happened later may not be in it.
        version: of Kent Card that made it.
        engine: of the database.
        revision: of its schema.
        checkpoint: a signed line that says where the audit trail ended; the database holds it too.
        keys: names of the keys in the key store.
        members: the files, by name.
    """

    format: int
    made_at: datetime
    version: str
    engine: Engine
    revision: str
    checkpoint: str
    keys: tuple[str, ...]
    members: Mapping[str, Member]


def measure(path: Path) -> Member:
    """Size and digest of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Member(path.stat().st_size, digest)


def write(sealer: Sealer, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Write everything to a sealer, and finish it."""
    with tarfile.open(fileobj=cast(BinaryIO, sealer), mode="w|") as tar:
        content = msgspec.json.encode(manifest)
        head = tarfile.TarInfo(_MANIFEST)
        head.size = len(content)
        tar.addfile(head, BytesIO(content))
        for name, path in files.items():
            info = tarfile.TarInfo(name)
            info.size = manifest.members[name].size
            with path.open("rb") as file:
                tar.addfile(info, file)
    sealer.finish()


def read(opener: Opener, into: Path | None) -> Manifest:
    """Read everything, to the end, and check it.

    Args:
        opener: at its beginning.
        into: a directory in which each file is written; None: only to check.

    Raises:
        BackupDamaged: it is not whole, or not what its manifest says.
    """
    try:
        with tarfile.open(fileobj=cast(BinaryIO, opener), mode="r|") as tar:
            manifest = _manifest(tar)
            found = {
                member.name: _take(tar, member, manifest, into) for member in iter(tar.next, None)
            }
        while opener.read(_BLOCK):
            pass
    except tarfile.TarError as error:
        raise BackupDamaged("The backup does not hold what a backup holds.") from error
    if found != manifest.members:
        raise BackupDamaged("The backup does not hold what its manifest says.")
    return manifest


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    file = tar.extractfile(first) if first and first.name == _MANIFEST else None
    if file is None:
        raise BackupDamaged("The backup has no manifest.")
    try:
        return msgspec.json.decode(file.read(_LARGEST_MANIFEST), type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupDamaged(
            "The backup was made by a version of Kent Card that this one does not understand."
        ) from error


def _take(
    tar: tarfile.TarFile, member: tarfile.TarInfo, manifest: Manifest, into: Path | None
) -> Member:
    """Copy a file whose name the manifest gives; a name from elsewhere never becomes a path."""
    file = tar.extractfile(member)
    if member.name not in manifest.members or member.name not in {DATABASE, KEYS} or file is None:
        raise BackupDamaged("The backup holds a file that has no place in it.")
    digest, size = hashlib.sha256(), 0
    target = (into / member.name).open("wb") if into else None
    try:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            if target:
                target.write(block)
    finally:
        if target:
            target.close()
    return Member(size, digest.hexdigest())
