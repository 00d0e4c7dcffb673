"""Our OpenID provider beside npm's oidc-provider: ``python -m bench.openid``.

One process each over one PostgreSQL (without fsync), ten connections to it each, clients kept in
the database, the same requests over as many connections that stay open, in turns, after three
seconds of each to warm up. Every answer is checked. Theirs is installed from a committed lock into
`var/bench`. The load comes from a process of its own that can send several times as much as
either answers.

What each does for a token: both read the client's row, compare the secret (in the same time
whatever it is) or verify the assertion and spend its id with a row, and look at grant type and
scope. Theirs makes a random token and keeps a row of it; ours signs one (ES256) and keeps none.
What each does for an introspection: both prove the client as above. Theirs reads the row of the
token; ours verifies the token and reads whether it was revoked and its client stands. A signature
of our own that was right is remembered, so the 500 tokens that are asked about in turn are verified
once each; what is read of the database is read every time. Ours counts every answer and says the
headers of every other address too.
"""

import asyncio
import json
import secrets
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt import PyJWT
from jwt.algorithms import ECAlgorithm

from bench._load import CONNECTIONS, ROUNDS, SECONDS, Driven, compared, load_process, post
from bench._server import free_port, served, socket_of
from cardservice.database import Database
from identity.actors import SYSTEM
from identity.oidc import clients
from identity.oidc.client_auth import ASSERTION_TYPE
from identity.oidc.models import Basis, ClientAuth
from identity.oidc.provider import Endpoint
from identity.oidc.registration import MACHINE, NewClient
from readers.clock import system_clock
from tests.support.npm import installed, tool
from tests.support.postgresql import cluster

HERE = Path(__file__).parent / "oidc_provider"
INSTALLED = Path(__file__).parents[1] / "var" / "bench"
SCOPE = "entitlements:check"
LIFE = 300
GOAL = 1.0
MOST_A_SECOND = 8000
TOKENS = 500
WARM_UP = 3.0

Drive = Callable[..., Driven]


class Party(msgspec.Struct, frozen=True):
    """A provider that answers, and the clients it knows by their way to prove themselves."""

    port: int
    token: str
    introspect: str
    ids: Mapping[ClientAuth, str]
    secret: str
    key: ec.EllipticCurvePrivateKey

    def request(self, path: str, auth: ClientAuth, **form: str) -> bytes:
        """One request of the client that proves itself in this way."""
        if auth is ClientAuth.PRIVATE_KEY_JWT:
            proof = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion()}
            return post(path, urlencode(form | proof), self.port)
        pair = f"{self.ids[auth]}:{self.secret}"
        basic = f"Basic {b64encode(pair.encode()).decode()}"
        return post(path, urlencode(form), self.port, authorization=basic)

    def _assertion(self) -> str:
        client, now = self.ids[ClientAuth.PRIVATE_KEY_JWT], int(system_clock().timestamp())
        claims = {"iss": client, "sub": client, "aud": f"http://localhost:{self.port}"}
        claims |= {"jti": secrets.token_urlsafe(16)}
        return PyJWT().encode({**claims, "iat": now, "exp": now + 60}, self.key, "ES256")


class Side:
    """One provider's rounds with one way of proof."""

    def __init__(self, drive: Drive, party: Party, auth: ClientAuth) -> None:
        self._drive = drive
        self._party = party
        self._auth = auth
        self._tokens: list[str] = []
        self.rounds: dict[str, list[Driven]] = {"tokens": [], "introspections": []}

    def warm_up(self) -> None:
        """The rounds of which nothing is kept; a just-in-time compiler needs some seconds."""
        self.ask_for_tokens(WARM_UP)
        self.introspect(WARM_UP)
        self.rounds = {name: [] for name in self.rounds}

    def ask_for_tokens(self, seconds: float = SECONDS) -> None:
        done = self._run(self._party.token, seconds, [{"grant_type": MACHINE, "scope": SCOPE}])
        told = [json.loads(answer.body) for answer in done.answers]
        assert all(answer.status == 200 for answer in done.answers), told[:3]
        expected = {"token_type": "Bearer", "expires_in": LIFE, "scope": SCOPE}
        assert all(one.items() >= expected.items() for one in told), told[:3]
        self._tokens = [one["access_token"] for one in told]
        assert len(set(self._tokens)) == len(self._tokens), "a token was given out twice"
        self.rounds["tokens"].append(done)

    def introspect(self, seconds: float = SECONDS) -> None:
        forms = [{"token": token} for token in self._tokens[-TOKENS:]]
        done = self._run(self._party.introspect, seconds, forms)
        told = [json.loads(answer.body) for answer in done.answers]
        expected = {"active": True, "client_id": self._party.ids[self._auth], "scope": SCOPE}
        assert all(one.items() >= expected.items() for one in told), told[:3]
        self.rounds["introspections"].append(done)

    def _run(self, path: str, seconds: float, forms: Sequence[dict[str, str]]) -> Driven:
        once = self._auth is ClientAuth.PRIVATE_KEY_JWT  # an assertion is good once
        count = int(MOST_A_SECOND * seconds) if once else len(forms)
        requests = [
            self._party.request(path, self._auth, **forms[each % len(forms)])
            for each in range(count)
        ]
        return self._drive(self._party.port, requests, seconds, CONNECTIONS, once=once)


async def registered(url: str, jwk: Mapping[str, str]) -> tuple[Mapping[ClientAuth, str], str]:
    """Two clients of ours, and the secret of one of them."""
    database = Database(url)
    ids, secret = {}, ""
    for auth in (ClientAuth.CLIENT_SECRET_BASIC, ClientAuth.PRIVATE_KEY_JWT):
        details = NewClient(
            name="Example Leisure",
            basis=Basis.CONSENT,
            auth=auth,
            grant_types=(MACHINE,),
            scopes=(SCOPE,),
            keys=(jwk,) if auth is ClientAuth.PRIVATE_KEY_JWT else (),
        )
        async with database.transaction() as session:
            added = await clients.add(session, details, actor=SYSTEM, now=system_clock())
        ids[auth], secret = added.client_id, added.secret or secret
    await database.close()
    return ids, secret


@contextmanager
def theirs(url: str, ours: Party, jwk: Mapping[str, str]) -> Iterator[Party]:
    """Npm's oidc-provider, with clients of the same names and proofs."""
    place = installed(HERE, INSTALLED)
    port = free_port()
    shared = {"grant_types": [MACHINE], "redirect_uris": [], "response_types": [], "scope": SCOPE}
    shared |= {"id_token_signed_response_alg": "ES256"}
    told = [
        {
            **shared,
            "client_id": client_id,
            "token_endpoint_auth_method": auth.value,
            **({"jwks": {"keys": [jwk]}} if auth is ClientAuth.PRIVATE_KEY_JWT else {}),
            **({} if auth is ClientAuth.PRIVATE_KEY_JWT else {"client_secret": ours.secret}),
        }
        for auth, client_id in ours.ids.items()
    ]
    signing = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1())))
    settings = {"port": port, "socket": socket_of(url), "clients": told}
    with subprocess.Popen(
        [tool("node"), str(_beside(place))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"NODE_ENV": "production"},
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(settings | {"jwks": {"keys": [signing]}}).encode() + b"\n")
        process.stdin.flush()
        try:
            assert process.stdout.readline() == b"ready\n", "oidc-provider did not start"
            yield Party(port, "/token", "/token/introspection", ours.ids, ours.secret, ours.key)
        finally:
            process.stdin.close()


def _beside(place: Path) -> Path:
    """The program where its packages are found."""
    program = place / "server.mjs"
    program.write_bytes((HERE / "server.mjs").read_bytes())
    return program


def main() -> None:
    """Print four ratios."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": "1", "alg": "ES256"}
    with (
        tempfile.TemporaryDirectory() as directory,
        cluster() as url,
        served(url, Path(directory)) as port,
        load_process() as drive,
    ):
        ids, secret = asyncio.run(registered(url, jwk))
        ours = Party(port, Endpoint.TOKEN, Endpoint.INTROSPECT, ids, secret, key)
        with theirs(url, ours, jwk) as other:
            print(
                f"ours beside npm's oidc-provider, {CONNECTIONS} connections, "
                f"median (spread) of {ROUNDS} rounds of {SECONDS:.0f} s"
            )
            for auth in ids:
                compare(Side(drive, ours, auth), Side(drive, other, auth), auth.value)


def compare(own: Side, other: Side, auth: str) -> None:
    """Rounds in turns, then two lines."""
    for side in (own, other):
        side.warm_up()
    for _ in range(ROUNDS):
        for side in (own, other):
            side.ask_for_tokens()
        for side in (own, other):
            side.introspect()
    for name in own.rounds:
        print(compared(f"{name}, {auth}", own.rounds[name], other.rounds[name], GOAL))


if __name__ == "__main__":
    main()
