"""A server for library machines, and machines that talk to it, well and badly."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pysip2 import SIPMessage, decode_message, encode_message

from cardservice import library_machines
from cardservice.sip2.conversation import Means
from cardservice.sip2.counting import Tally
from cardservice.sip2.pace import Pace
from cardservice.sip2.server import Limits, Server
from tests.support.patience import PATIENCE
from tests.support.people import CLERK
from tests.support.server import World

SHORT: Final = Limits(sign_in=0.5, message=0.3, idle=0.5, send=0.5, connections=6, from_one_place=5)
MACHINE: Final = "maidstone-1"


class Certificate(msgspec.Struct, frozen=True):
    """Where a certificate for localhost that signs itself is, and its key."""

    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


def self_signed(directory: Path) -> Certificate:
    """Make one, good for a day around now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    # TLS is judged by the clock of this machine, whatever time a test says it is.
    now = datetime.now(UTC)  # noqa: TID251
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    made.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made.key.write_bytes(private)
    return made


class Wire:
    """A connection, for bytes that no client of anybody's would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int, tls: ssl.SSLContext | None = None) -> Self:
        return cls(*await asyncio.open_connection("localhost", port, ssl=tls))

    async def say(self, sent: bytes) -> bytes:
        """Send bytes, and hear one answer; nothing if the connection is closed."""
        await self.send(sent)
        return await self.hear()

    async def send(self, sent: bytes) -> None:
        self.writer.write(sent)
        await self.writer.drain()

    async def hear(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.readuntil(b"\r")
            except (asyncio.IncompleteReadError, ConnectionError):
                return b""

    async def is_closed(self) -> bool:
        return await self.hear() == b""

    async def ask(self, message: SIPMessage, *, sequence: int = 1) -> SIPMessage:
        """Send a message of the other codec, and read the answer with it."""
        sent = encode_message(message, sequence_number=sequence, checksum=True)
        decoded = decode_message(await self.say(sent))
        assert decoded.sequence_number == sequence
        assert decoded.checksum is not None
        return decoded.message

    def close(self) -> None:
        self.writer.close()


class Responder:
    """Where a server listens, and what it counts with."""

    def __init__(self, world: World, means: Means, port: int) -> None:
        self.world = world
        self.means = means
        self.port = port

    async def machine(self, name: str = MACHINE, networks: tuple[str, ...] = ()) -> str:
        """Add a machine; its secret."""
        async with self.world.database.transaction() as session:
            return await library_machines.add(
                session, name, "Maidstone library", networks, actor=CLERK, now=self.world.clock()
            )


@asynccontextmanager
async def answering(
    world: World,
    tls: ssl.SSLContext | None = None,
    limits: Limits | None = None,
    **means: Any,  # noqa: ANN401  (of any field)
) -> AsyncIterator[Responder]:
    """Answer library machines on loopback, over the world's database."""
    chosen = {
        "transaction": world.database.transaction,
        "statements": world.database.statements,
        "vault": world.vault,
        "clock": world.clock,
        "tally": Tally(),
        "pace": Pace(6000),
        "institution": "9999",
        "library": "Kent libraries",
    } | means
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        built = Means(**chosen)  # type: ignore[arg-type]  # by name
        async with Server(built, limits).listening(listener, tls):
            yield Responder(world, built, port)
