"""What a backup and a restore refuse, and that nothing was changed then."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from cardservice.backups import archive, engines
from cardservice.backups.sealing import Opener, Passphrase, Sealer
from cardservice.cli.commands import run
from cardservice.errors import NotReady
from identity.keys import FileKeyStore, Purpose
from tests.integration.backups.conftest import BACKUP_PASSPHRASE, KEYS_PASSPHRASE, Place
from tests.support.people import NOW

BY = Passphrase(BACKUP_PASSPHRASE)


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is refused is refused before an engine matters: the drill is on both."""
    return f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('sqlite')}/kent-card.db"


@pytest.fixture(autouse=True)
def database(place: Place, on: Callable[[str], None]) -> None:
    """A small database, at the newest schema."""
    on(f"sqlite:///{place.directory}/kentcard.db")
    assert run(["db", "upgrade"]) == 0


def words(place: Place) -> list[str]:
    return ["--passphrase-file", str(place.directory / "backup.passphrase")]


def back_up(place: Place) -> None:
    assert run(["backup", str(place.backup), *words(place)]) == 0


def restore(place: Place, *more: str) -> int:
    return run(["restore", str(place.backup), *(more or words(place))])


def lose(place: Place) -> None:
    place.keys.unlink()
    (place.directory / "kentcard.db").unlink()


def files(place: Place) -> set[str]:
    return {str(path) for path in place.directory.rglob("*") if not path.name.endswith(".lock")}


@pytest.fixture
def lost(place: Place) -> set[str]:
    """A backup, and nothing else any more; what is there."""
    back_up(place)
    lose(place)
    return files(place)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(lambda data: data[:-20], "cut short", id="truncated"),
        pytest.param(lambda data: data[:-20] + bytes(20), "changed", id="changed"),
        pytest.param(lambda data: b"kent-card-backup-9" + data[18:], "version", id="a version"),
        pytest.param(lambda data: data[:40], "beginning", id="a header cut short"),
        pytest.param(lambda data: data[:0], "no backup", id="nothing"),
        pytest.param(lambda data: b"PK\x03\x04" + data, "no backup", id="another file"),
    ],
)
def test_a_spoilt_backup_is_refused_and_nothing_is_changed(
    place: Place,
    lost: set[str],
    spoil: Callable[[bytes], bytes],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place.backup.write_bytes(spoil(place.backup.read_bytes()))
    assert restore(place) == 1
    assert says in capsys.readouterr().err
    assert files(place) == lost


def test_a_wrong_passphrase_of_the_backup_or_of_the_key_store_is_refused(
    place: Place, lost: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = place.directory / "keys.passphrase"
    assert restore(place, "--passphrase-file", str(wrong)) == 1
    assert "does not open the backup" in capsys.readouterr().err
    wrong.write_text("not the passphrase of it\n")
    assert restore(place) == 3
    assert "does not open the key store" in capsys.readouterr().err
    wrong.write_text("short\n")
    assert restore(place, "--passphrase-file", str(wrong)) == 3
    assert restore(place, "--passphrase-file", str(place.directory / "none")) == 3
    assert files(place) == lost


def test_nothing_is_overwritten(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    back_up(place)
    before = place.backup.read_bytes()
    assert run(["backup", str(place.backup), *words(place)]) == 3
    assert place.backup.read_bytes() == before
    content = (place.directory / "kentcard.db").read_bytes(), place.keys.read_bytes()
    assert restore(place) == 1
    assert "Move it away" in capsys.readouterr().err
    place.keys.rename(place.directory / "away.json")
    assert restore(place) == 1
    assert (place.directory / "kentcard.db").read_bytes() == content[0]
    (place.directory / "kentcard.db").unlink()
    (place.directory / "away.json").rename(place.keys)
    assert restore(place) == 1
    assert place.keys.read_bytes() == content[1]


def changed(place: Place, **fields: object) -> None:
    """The same backup with another manifest, sealed as it should be."""
    room = place.directory / "room"
    room.mkdir()
    with place.backup.open("rb") as file:
        manifest = archive.read(Opener(file, BY), room)
    spoilt = archive.Manifest(**{**_fields(manifest), **fields})  # type: ignore[arg-type]  # as given
    with place.backup.open("wb") as file:
        archive.write(Sealer(file, BY), spoilt, {name: room / name for name in spoilt.members})
    shutil.rmtree(room)


def _fields(manifest: archive.Manifest) -> dict[str, object]:
    return {name: getattr(manifest, name) for name in manifest.__struct_fields__}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        pytest.param({"revision": "9999"}, "newer than this version", id="a newer schema"),
        pytest.param({"format": 2}, "format 2", id="another format"),
        pytest.param({"engine": "postgresql"}, "KENTCARD_DATABASE_URL", id="another engine"),
        pytest.param({"checkpoint": "{}"}, "not a whole checkpoint", id="no checkpoint"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused(
    place: Place,
    lost: set[str],
    fields: dict[str, object],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    changed(place, **fields)
    assert restore(place) != 0
    assert says in capsys.readouterr().err
    assert files(place) == lost


def test_a_backup_whose_audit_trail_is_not_whole_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "list"]) == 0
    assert run(["sip2", "machine", "add", "maidstone-1", "--place", "Maidstone"]) == 0
    with closing(sqlite3.connect(place.directory / "kentcard.db")) as database:
        triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        for (name,) in database.execute(triggers).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE audit_row SET action = 'something-else'")
        database.commit()
    back_up(place)
    lose(place)
    before = files(place)
    assert restore(place) == 1
    assert "audit trail" in capsys.readouterr().err
    assert files(place) == before


def test_a_recipients_key_opens_what_the_machine_that_made_it_cannot(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = (place.directory / f"backup.{end}" for end in ("key", "pub"))
    make = ["openssl", "genpkey", "-algorithm", "X25519", "-out", str(private)]
    subprocess.run(make, check=True, capture_output=True)
    out = ["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)]
    subprocess.run(out, check=True, capture_output=True)
    assert run(["backup", str(place.directory), "--recipient", str(private)]) == 3
    assert run(["backup", str(place.directory), "--recipient", str(public)]) == 0
    [made] = place.directory.glob("kentcard-*.backup")
    assert made.stat().st_mode & 0o077 == 0
    lose(place)
    assert run(["restore", str(made), "--identity", str(public)]) == 3
    assert run(["restore", str(made), *words(place)]) == 1
    assert run(["restore", str(made), "--identity", str(private)]) == 0
    capsys.readouterr()
    assert run(["audit", "verify"]) == 0


def test_an_older_backup_is_brought_up_to_this_version(
    place: Place, on: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    changed_at = place.directory / "older.db"
    on(f"sqlite:///{changed_at}")
    assert run(["db", "upgrade"]) == 0
    back_up(place)
    with place.backup.open("rb") as file:
        manifest = archive.read(Opener(file, BY), None)
    assert run(["db", "downgrade", "0030"]) == 0
    older = place.directory / "older"
    older.mkdir()
    engines.copy_sqlite(changed_at, older / archive.DATABASE)
    shutil.copyfile(place.keys, older / archive.KEYS)
    files_of = {name: older / name for name in manifest.members}
    members = {name: archive.measure(path) for name, path in files_of.items()}
    spoilt = archive.Manifest(**{**_fields(manifest), "members": members, "revision": "0030"})  # type: ignore[arg-type]  # as above
    with place.backup.open("wb") as opened:
        archive.write(Sealer(opened, BY), spoilt, files_of)
    lose(place)
    changed_at.unlink()
    assert restore(place) == 0
    capsys.readouterr()
    assert run(["sip2", "machine", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_key_made_after_the_backup_is_missing_and_what_was_sealed_before_opens(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    back_up(place)
    store = FileKeyStore.open(place.keys, KEYS_PASSPHRASE)
    store.rotate(Purpose.BUNDLE_SIGN, now=NOW)
    lose(place)
    assert restore(place) == 0
    capsys.readouterr()
    restored = FileKeyStore.open(place.keys, KEYS_PASSPHRASE)
    assert len(restored.generations(Purpose.BUNDLE_SIGN)) == 1
    assert run(["audit", "verify"]) == 0


def test_a_backup_into_a_place_that_cannot_be_written_says_so(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.directory / "file").write_text("")
    assert run(["backup", str(place.directory / "file" / "x.backup"), *words(place)]) == 3
    assert "cannot be written" in capsys.readouterr().err


def test_postgresqls_tools_that_are_missing_or_too_old_are_named() -> None:
    with pytest.raises(NotReady, match="postgresql-client-99"):
        engines.tools_for(990_000)


def test_how_postgresql_is_reached_is_not_in_the_arguments() -> None:
    url = make_url("postgresql://kent:secret@db.example:5433/card?ssl=verify-full")
    found = engines.environment(url)
    assert found.items() >= {
        ("PGHOST", "db.example"),
        ("PGPORT", "5433"),
        ("PGUSER", "kent"),
        ("PGPASSWORD", "secret"),
        ("PGDATABASE", "card"),
        ("PGSSLMODE", "verify-full"),
    }
    on_socket = make_url("postgresql+asyncpg://postgres@/postgres?host=/run/pg")
    assert engines.environment(on_socket)["PGHOST"] == "/run/pg"
    assert set(found) <= {*os.environ, "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"} | {
        "PGDATABASE",
        "PGSSLMODE",
    }


@pytest.mark.postgresql
def test_a_postgresql_database_that_is_not_empty_or_not_there_is_left_alone(
    place: Place,
    postgresql: str,
    on: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    back_up(place)
    place.keys.rename(tmp_path / "keys.away")
    on(postgresql)
    assert restore(place) == 1
    assert "KENTCARD_DATABASE_URL names postgresql" in capsys.readouterr().err
    on(postgresql.replace("/postgres?", "/nowhere?"))
    assert restore(place) == 3
    assert not place.keys.exists()
