"""Looking up who is signed in, beside a bare read: ``python -m bench.sessions``.

Two routes of one server, in turns, over PostgreSQL (without fsync): one behind the sign-in guard of
the pages, asked with the cookies of many residents; the other reads one row by its key on a raw
connection and asks nobody who they are. Every answer is checked.
"""

import asyncio
import json
import secrets
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench._load import CONNECTIONS, ROUNDS, SECONDS, Driven, compared, get, load_process
from bench._server import BARE, KEY, PHRASE, SOCKET, WHO, served, socket_of
from cardservice.database import Database
from cardservice.web.visitors import Part
from identity import accounts, sessions
from identity.keys import FileKeyStore
from identity.personal import Vault
from identity.sessions import SignedInSession
from identity.signin_models import Session, SessionKind, SignInMethod
from readers.clock import system_clock
from tests.support.people import CLERK, JEAN
from tests.support.postgresql import cluster

RESIDENTS = 50
GOAL = 0.6


async def signed_in(url: str, vault: Vault, bare_key: bytes) -> tuple[dict[str, str], str]:
    """Tokens of residents who signed in, with the ids of their sessions; and the bare row's id."""
    database, now, tokens = Database(url), system_clock(), {}
    everybody = [
        msgspec.structs.replace(JEAN, email=f"resident-{number}@example.com")
        for number in range(RESIDENTS)
    ]
    async with database.transaction() as session:
        ids = [
            (await accounts.register(session, vault, details, actor=CLERK, now=now)).id
            for details in everybody
        ]
        for account_id in ids:
            token = await sessions.open_session(
                session,
                account_id,
                SessionKind.RESIDENT,
                methods=[SignInMethod.PASSKEY],
                now=now,
            )
            found = await sessions.look_up(session, token, now=now)
            assert isinstance(found, SignedInSession)
            tokens[token] = str(found.session_id)
        row = Session(
            token_hash=bare_key,
            kind=SessionKind.RESIDENT,
            account_id=ids[0],
            staff_id=None,
            browser="",
            methods="",
            opened_at=now,
            proved_at=now,
            idle_until=now,
            absolute_until=now,
        )
        session.add(row)
        await session.flush()
        bare_id = str(row.id)
    await database.close()
    return tokens, bare_id


def checked(done: Driven, expected: Sequence[str]) -> Driven:
    """The same, when every answer is the one that belongs to its request."""
    for answer in done.answers:
        assert answer.status == 200, answer
        assert json.loads(answer.body)["id"] == expected[answer.asked]
    return done


def main() -> None:
    """Print the ratio."""
    bare_key = secrets.token_bytes(32)
    with (
        tempfile.TemporaryDirectory() as directory,
        cluster() as url,
        served(url, Path(directory), {SOCKET: socket_of(url), KEY: bare_key.hex()}) as port,
        load_process() as drive,
    ):
        phrase = (Path(directory) / PHRASE).read_text(encoding="utf-8")
        keystore = FileKeyStore.open(Path(directory) / "keys", phrase)
        tokens, bare_id = asyncio.run(signed_in(url, Vault(keystore), bare_key))
        own = [get(WHO, port, cookie=f"{Part.RESIDENT.cookie}={token}") for token in tokens]
        ids = list(tokens.values())

        def look_up(seconds: float = SECONDS) -> Driven:
            return checked(drive(port, own, seconds, CONNECTIONS, once=False), ids)

        def bare(seconds: float = SECONDS) -> Driven:
            requests = [get(BARE, port)]
            return checked(drive(port, requests, seconds, CONNECTIONS, once=False), [bare_id])

        compare(look_up, bare)


def compare(look_up: Callable[..., Driven], bare: Callable[..., Driven]) -> None:
    """Rounds in turns, then the line."""
    print(
        f"who is signed in beside a bare read by key, {CONNECTIONS} connections, {RESIDENTS} "
        f"residents, median (spread) of {ROUNDS} rounds of {SECONDS:.0f} s"
    )
    look_up(1.0)
    bare(1.0)
    pairs = [(look_up(), bare()) for _ in range(ROUNDS)]
    own, floor = zip(*pairs, strict=True)
    print(compared("look-ups", own, floor, GOAL))


if __name__ == "__main__":
    main()
