"""A server on loopback over either database, and terminals and cards that use it."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncSession
from websockets.asyncio.client import ClientConnection, connect

from cardservice import issuance, terminals
from cardservice.app import create_app
from cardservice.card_keys import FIRST, application_key
from cardservice.database import Database
from cardservice.settings import Settings
from cardservice.terminals import Role
from entitlements import assessing
from identity import accounts
from identity.details import NewResident
from identity.keys import KeyStore, Purpose
from identity.personal import Vault
from readers.card.apdu import run
from readers.card.layout import FILES
from readers.card.personalise import read_service
from readers.contract import wire
from readers.contract.reasons import Reason
from readers.contract.record import Record, verify_record
from readers.contract.services import Service
from readers.contract.tokens import (
    REQUEST_AUDIENCE,
    REQUEST_LIFETIME,
    REQUEST_TYPE,
    sign_token,
)
from readers.errors import CardRemoved
from readers.virtual.card import VirtualCard
from tests.support.people import CLERK, JEAN, NOW
from tests.support.templates import migrated_copy

FROM_SERVER: Final[msgspec.json.Decoder[wire.Command | wire.Ended]] = msgspec.json.Decoder(
    wire.FromServer
)
KEPT_SECONDS: Final = 10


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)


class Machine:
    """An enrolled terminal: its key, its requests, and the reader it lays cards on."""

    def __init__(self, terminal_id: UUID, key: Ed25519PrivateKey, clock: Clock, url: str) -> None:
        self.id = terminal_id
        self._key = key
        self._clock = clock
        self._url = url

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)

    def header(self, **claims: Any) -> dict[str, str]:  # noqa: ANN401  (whatever a test spoils)
        """The header that shows who asks; ``claims`` replace the right ones."""
        issued = int(self._clock().timestamp())
        content = {
            "sub": str(self.id),
            "aud": REQUEST_AUDIENCE,
            "iat": issued,
            "exp": issued + int(REQUEST_LIFETIME.total_seconds()),
            "jti": secrets.token_urlsafe(8),
        } | claims
        token = sign_token(REQUEST_TYPE, content, key_id=str(self.id), sign=self._key.sign)
        return {"authorization": f"Bearer {token}"}

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self._url, trust_env=False) as client:
            return await client.get(path, headers=self.header())

    async def post(self, path: str, body: msgspec.Struct) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self._url, trust_env=False) as client:
            return await client.post(path, headers=self.header(), content=msgspec.json.encode(body))

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        """The card session's WebSocket, before hello."""
        address = f"ws{self._url.removeprefix('http')}{wire.CARD_SESSION_PATH}"
        async with connect(address, additional_headers=self.header(), proxy=None) as opened:
            yield opened

    async def card_session(
        self, purpose: wire.Purpose, card: VirtualCard, *, silent_when_torn: bool = False
    ) -> wire.Ended | None:
        """Hold a card session as a terminal does; None when the terminal vanished with the card."""
        async with self.socket() as opened:
            await opened.send(msgspec.json.encode(wire.Hello(purpose=purpose, uid=card.uid)))
            while True:
                match FROM_SERVER.decode(await opened.recv()):
                    case wire.Ended() as ended:
                        return ended
                    case wire.Command(step=step, apdu=apdu):
                        answer = _answer(card, step, apdu)
                        if silent_when_torn and isinstance(answer, wire.Broken):
                            return None
                        await opened.send(msgspec.json.encode(answer))


def _answer(card: VirtualCard, step: int, apdu: bytes) -> wire.Answer | wire.Broken:
    try:
        return wire.Answer(step=step, apdu=card.transmit(apdu))
    except CardRemoved:
        return wire.Broken(reason=Reason.CARD_REMOVED)


class World:
    """A server, its database and key store, and ways to prepare what a test finds there."""

    def __init__(
        self, url: str, settings: Settings, database: Database, keystore: KeyStore, clock: Clock
    ) -> None:
        self.url = url
        self.settings = settings
        self.database = database
        self.keystore = keystore
        self.vault = Vault(keystore)
        self.clock = clock

    async def register(self, details: NewResident = JEAN) -> UUID:
        """Register a resident and decide for them."""
        now = self.clock()
        async with self.database.transaction() as session:
            account = await accounts.register(session, self.vault, details, actor=CLERK, now=now)
            await assessing.assess(session, self.vault, account.id, actor=CLERK, now=now)
        return account.id

    async def assess(self, account_id: UUID) -> None:
        async with self.database.transaction() as session:
            await assessing.assess(session, self.vault, account_id, actor=CLERK, now=self.clock())

    async def new_terminal(
        self,
        name: str = "Desk",
        *,
        services: Sequence[Service] = (),
        purposes: Sequence[wire.Purpose] = (wire.Purpose.PERSONALISE,),
    ) -> str:
        """Create a terminal; answers its enrolment code."""
        role = Role(name=name, place=name, services=tuple(services), purposes=tuple(purposes))
        async with self.database.transaction() as session:
            made = await terminals.create(session, role, actor=CLERK, now=self.clock())
            return await terminals.new_code(session, made.id, actor=CLERK, now=self.clock())

    async def machine(
        self,
        name: str = "Desk",
        *,
        services: Sequence[Service] = (),
        purposes: Sequence[wire.Purpose] = (wire.Purpose.PERSONALISE,),
    ) -> Machine:
        """A terminal that enrolled over the API."""
        code = await self.new_terminal(name, services=services, purposes=purposes)
        return await self._enrolled(code)

    async def enrol_again(self, machine: Machine) -> Machine:
        """The same terminal with a new code and a new key."""
        async with self.database.transaction() as session:
            code = await terminals.new_code(session, machine.id, actor=CLERK, now=self.clock())
        return await self._enrolled(code)

    async def _enrolled(self, code: str) -> Machine:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        answer = await self.enrol(code, public)
        assert answer.status_code == 200, answer.text
        enrolled = msgspec.json.decode(answer.content, type=wire.Enrolled)
        return Machine(UUID(enrolled.terminal_id), key, self.clock, self.url)

    async def enrol(self, code: str, public_key: bytes) -> httpx.Response:
        request = wire.EnrolRequest(code=code, public_key=public_key)
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            return await client.post(wire.ENROL_PATH, content=msgspec.json.encode(request))

    async def order(self, account_id: UUID, desk: Machine) -> UUID:
        """Order a card at a desk; answers the card's id."""
        async with self.database.transaction() as session:
            placed = await issuance.order(
                session, self.vault, account_id, desk.id, actor=CLERK, now=self.clock()
            )
            return placed.card_id

    async def card_id(self, account_id: UUID) -> UUID:
        """Of the newest card."""
        async with self.database.transaction() as session:
            return (await issuance.cards_of(session, account_id))[0].id

    async def issue(self, account_id: UUID, desk: Machine) -> VirtualCard:
        """A card that was made at the desk."""
        await self.order(account_id, desk)
        card = new_card()
        ended = await desk.card_session(wire.Purpose.PERSONALISE, card)
        assert ended is not None
        assert ended.result is wire.SessionResult.DONE, ended
        card.reset()
        return card

    async def do(self, work: Callable[[AsyncSession], Any]) -> Any:  # noqa: ANN401  (a test's own)
        async with self.database.transaction() as session:
            return await work(session)

    def read(self, card: VirtualCard, service: Service) -> Record | None:
        """What a validator would find on the card; None when the file is empty."""
        number = FILES[service].read_key
        key = application_key(self.keystore, card.uid, number, FIRST)
        return self.read_with(card, service, key.key)

    def read_with(self, card: VirtualCard, service: Service, read_key: bytes) -> Record | None:
        """The same with a key the caller has."""
        card.reset()
        data = run(read_service(read_key, service, random=secrets.token_bytes), card)
        if not data:
            return None
        signing = self.keystore.generations(Purpose.RECORD_SIGN)
        keys = {each.wire: self.keystore.public_key(each) for each in signing}
        return verify_record(data, keys)


def new_card() -> VirtualCard:
    """A card as it comes from the factory, unlike any other."""
    return VirtualCard(b"\x04" + secrets.token_bytes(6))


@asynccontextmanager
async def world(database_url: str, keystore: KeyStore, **settings: Any) -> AsyncIterator[World]:  # noqa: ANN401  (of any setting)
    """Serve on loopback over a database of its own, and take everything down again."""
    async with migrated_copy(database_url) as copy, world_on(copy, keystore, **settings) as started:
        yield started


@asynccontextmanager
async def world_on(
    database_url: str,
    keystore: KeyStore,
    **settings: Any,  # noqa: ANN401  (of any setting)
) -> AsyncIterator[World]:
    """Serve on loopback over a database that is there and stays."""
    # TCP by name, as `kentcard serve` does it: else each request waits 40 ms for Nagle.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://localhost:{listener.getsockname()[1]}"
        chosen = Settings(database_url=database_url, base_url=url, **settings)
        clock = Clock()
        database = Database(database_url)
        async with _answering(create_app(chosen, keystore, clock), listener):
            yield World(url, chosen, database, keystore, clock)
        await database.close()


@asynccontextmanager
async def _answering(app: Litestar, listener: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    serving = asyncio.create_task(server.serve([listener]))
    while not server.started:
        assert not serving.done(), serving
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, KEPT_SECONDS)


def tap(sequence: int, **changed: Any) -> wire.TapEvent:  # noqa: ANN401  (of any field)
    """An accepted tap at a library."""
    fields: dict[str, Any] = {
        "sequence": sequence,
        "taken_at": datetime(2026, 11, 22, 9, 30, sequence % 60, tzinfo=UTC),
        "service": Service.LIBRARY,
        "accepted": True,
        "mode": wire.Mode.OFFLINE,
        "number": 29999000000017,
        "status_index": 7,
        "record_sequence": 1,
    }
    return wire.TapEvent(**(fields | changed))
