"""A partner's question about a card, beside a bare read: ``python -m bench.checks``.

Two routes of one server, in turns, over PostgreSQL (without fsync): ``POST /api/v1/checks`` by the
number and code of a card, with everything on (token and its organisation, rate, rule in force, the
card's wrong codes, grant, uses this year, the organisation's own name for the holder, usage
counted), and a route that reads one row by its key on a raw connection. The same question is asked
of a council of 16 thousand and of 1.6 million residents, in turns, to see what size costs. Every
answer is checked. Checks change nothing, so they carry no idempotency key.
"""

import asyncio
import json
import secrets
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]  # it ships none
import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt import PyJWT
from jwt.algorithms import ECAlgorithm

from bench._load import CONNECTIONS, ROUNDS, SECONDS, Driven, compared, get, load_process
from bench._server import BARE, KEY, PHRASE, SOCKET, served, socket_of
from cardservice.database import Database
from entitlements import carriers, organisations
from entitlements.organisations import Agreed
from entitlements.partner_models import CredentialKind
from entitlements.partner_paths import CHECKS
from identity.actors import SYSTEM
from identity.keys import FileKeyStore
from identity.oidc.client_auth import ASSERTION_TYPE
from identity.oidc.provider import Endpoint
from identity.oidc.registration import MACHINE
from identity.personal import Vault
from readers.clock import system_clock
from tests.support.postgresql import cluster

FEW = 16_000
MANY = 1_600_000
ASKED = 2_000
FIRST_NUMBER = 60_000_000_000_000
CODE = "123456"
SCHEME = "library"
BAND = "over-60"
UNTIL = date(2030, 12, 31)
GOAL = 0.6
GOAL_P99 = 1.5
SEED = (
    """INSERT INTO account (id, number, state, created_at, sealed_given_names, sealed_family_name,
         sealed_birth_date, birth_date_index, address_protected)
       SELECT md5('a' || i)::uuid, lpad(i::text, 9, '0'), 'active', now(), $2, $2, $2,
         decode(md5('b' || i % 30000), 'hex'), false FROM generate_series(1, $1::int) i""",
    """INSERT INTO carrier_face (id, account_id, number, sealed_code, code_index, status,
         announced_at)
       SELECT md5('c' || i)::uuid, md5('a' || i)::uuid, $3::bigint + i, $2,
         decode(md5('d' || i) || md5('e' || i), 'hex'), 0, now()
       FROM generate_series(1, $1::int) i""",
    """INSERT INTO entitlement_grant (id, account_id, scheme, service, entitlement_class, state,
         card_rank, valid_from, valid_until, granted_at)
       SELECT md5('g' || i)::uuid, md5('a' || i)::uuid, $2::text, NULL, $3::text, 'granted', 0,
         DATE '2026-01-01', $4::date, now() FROM generate_series(1, $1::int) i""",
    """INSERT INTO partner_subject (subject, organisation_id, account_id, told_at)
       SELECT 's' || md5('s' || i), $2::uuid, md5('a' || i)::uuid, now()
       FROM generate_series(1, $1::int) i""",
    """INSERT INTO session (token_hash, id, kind, account_id, browser, methods, opened_at,
         proved_at, idle_until, absolute_until)
       SELECT $1, md5('session')::uuid, 'resident', md5('a1')::uuid, '', '', now(), now(), now(),
         now()""",
)


class Council(msgspec.Struct, frozen=True):
    """A server, who asks it, and what is asked.

    Attributes:
        questions: whole requests.
        residents: which resident each is about.
    """

    port: int
    questions: Sequence[bytes]
    residents: Sequence[int]


async def populated(url: str, vault: Vault, people: int, bare: bytes) -> tuple[str, Any]:
    """Residents with a card, the library and a name with one partner; its credential and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": "1", "alg": "ES256"}
    database = Database(url)
    async with database.transaction() as session:
        agreed = [Agreed(SCHEME, tells_band=True)]
        made = await organisations.add(
            session, "Example Library", agreed, actor=SYSTEM, now=system_clock()
        )
        credential = await organisations.new_credential(
            session, made.id, CredentialKind.LIVE, [jwk], actor=SYSTEM, now=system_clock()
        )
        organisation, client_id = made.id, credential.client_id
    await database.close()
    await _fill(socket_of(url), vault, people, organisation, bare)
    return client_id, key


async def _fill(directory: str, vault: Vault, people: int, organisation: UUID, bare: bytes) -> None:
    raw = await asyncpg.connect(user="postgres", database="postgres", host=directory)
    await raw.execute("SET session_replication_role = replica")  # foreign keys hold by the numbers
    sealed = secrets.token_bytes(60)
    accounts, faces, grants, subjects, session = SEED
    await raw.execute(accounts, people, sealed)
    await raw.execute(faces, people, sealed, FIRST_NUMBER)
    await raw.execute(grants, people, SCHEME, BAND, UNTIL)
    await raw.execute(subjects, people, organisation)
    await raw.execute(session, bare)
    right = [(_number(each), _index(vault, each)) for each in asked_about(people)]
    await raw.executemany("UPDATE carrier_face SET code_index = $2 WHERE number = $1", right)
    await raw.execute("VACUUM ANALYZE")
    await raw.execute("CHECKPOINT")  # else what was filled is written while questions are timed
    await raw.close()


def asked_about(people: int) -> Sequence[int]:
    """Residents all over the tables."""
    step = people // min(ASKED, people)
    return range(1, people + 1, step)[:ASKED]


def _number(resident: int) -> int:
    return FIRST_NUMBER + resident


def _index(vault: Vault, resident: int) -> bytes | None:
    return vault.blind(carriers.CODE_FIELD, carriers.said(str(_number(resident)), CODE))


def token(port: int, client_id: str, key: ec.EllipticCurvePrivateKey) -> str:
    """An access token of the partner, fetched as it would."""
    now = int(system_clock().timestamp())
    claims = {"iss": client_id, "sub": client_id, "aud": f"http://localhost:{port}"}
    claims |= {"jti": secrets.token_urlsafe()}
    signed = PyJWT().encode(
        {**claims, "iat": now, "exp": now + 60}, key, "ES256", headers={"kid": "1"}
    )
    form = {"grant_type": MACHINE, "client_assertion_type": ASSERTION_TYPE}
    url = f"http://127.0.0.1:{port}{Endpoint.TOKEN}"
    answer = httpx.post(url, data=form | {"client_assertion": signed}, trust_env=False)
    answer.raise_for_status()
    given: str = answer.json()["access_token"]
    return given


def question(port: int, resident: int, given: str) -> bytes:
    """One check as a whole HTTP request."""
    shown = {"by": "card", "number": str(_number(resident)), "code": CODE}
    body = json.dumps({"offer": SCHEME, "shown": shown}).encode()
    return (
        f"POST {CHECKS} HTTP/1.1\r\nhost: localhost:{port}\r\nauthorization: Bearer {given}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


@contextmanager
def council(people: int, bare: bytes) -> Iterator[Callable[[], Council]]:
    """A server for so many residents; each call gives it with a token that is fresh."""
    with (
        tempfile.TemporaryDirectory() as directory,
        cluster() as url,
        served(
            url,
            Path(directory),
            {
                SOCKET: socket_of(url),
                KEY: bare.hex(),
                "KENTCARD_PARTNER_CHECKS_A_MINUTE": "1000000",
            },
        ) as port,
    ):
        phrase = (Path(directory) / PHRASE).read_text(encoding="utf-8")
        vault = Vault(FileKeyStore.open(Path(directory) / "keys", phrase))
        client_id, key = asyncio.run(populated(url, vault, people, bare))

        def now() -> Council:
            given, residents = token(port, client_id, key), asked_about(people)
            asked = [question(port, each, given) for each in residents]
            return Council(port, asked, residents)

        yield now


def checked(done: Driven) -> Driven:
    """The same, when every answer is a yes with what the partner may know, under one name each."""
    names: dict[int, str] = {}
    for answer in done.answers:
        assert answer.status == 200, answer
        told = json.loads(answer.body)
        expected = {"decision": "yes", "band": BAND, "valid_until": UNTIL.isoformat()}
        assert expected.items() <= told.items(), told
        assert names.setdefault(answer.asked, told["subject"]) == told["subject"]
    assert len(set(names.values())) == len(names), "two residents under one name"
    return done


def p99(done: Driven) -> float:
    """Milliseconds."""
    return 1000 * statistics.quantiles([each.seconds for each in done.answers], n=100)[98]


def main() -> None:
    """Print both ratios. The argument is how many residents the larger council has."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else MANY
    bare = secrets.token_bytes(32)
    with ExitStack() as held:
        small, large = (held.enter_context(council(each, bare)) for each in (FEW, people))
        drive = held.enter_context(load_process())

        def ask(of: Callable[[], Council], seconds: float = SECONDS) -> Driven:
            of_now = of()
            done: Driven = drive(of_now.port, of_now.questions, seconds, CONNECTIONS, once=False)
            return checked(done)

        def floor(seconds: float = SECONDS) -> Driven:
            port = large().port
            done: Driven = drive(port, [get(BARE, port)], seconds, CONNECTIONS, once=False)
            assert all(answer.status == 200 for answer in done.answers)
            return done

        print(
            f"checks by card number and code, {people} residents, {CONNECTIONS} connections, "
            f"median (spread) of {ROUNDS} rounds of {SECONDS:.0f} s"
        )
        ask(small, 1.0)
        ask(large, 1.0)
        floor(1.0)
        rounds = [(ask(large), floor(), ask(small)) for _ in range(ROUNDS)]
        own, floors, few = zip(*rounds, strict=True)
        print(compared("checks beside a bare read by key", own, floors, GOAL))
        ratios = [p99(one) / p99(other) for one, other in zip(own, few, strict=True)]
        print(
            f"  {f'p99 at {people} beside {FEW} residents':44} "
            f"{statistics.median(map(p99, own)):6.1f} ms beside "
            f"{statistics.median(map(p99, few)):6.1f} ms: {statistics.median(ratios):.2f} of it "
            f"({min(ratios):.2f} to {max(ratios):.2f}; goal at most {GOAL_P99})"
        )


if __name__ == "__main__":
    main()
