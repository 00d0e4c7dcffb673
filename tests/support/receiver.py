"""A partner's own server that takes webhooks, well or badly, on loopback."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LOOPBACK: Final = "127.0.0.1"
BEHAVIOURS: Final = ("well", "redirect", "trickle", "endless", "headers", "silent", "rubbish")


class Received(msgspec.Struct, frozen=True):
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What came in, and how the next requests are answered."""

    def __init__(self, port: int, *, tls: bool) -> None:
        self.port = port
        self.received: list[Received] = []
        self.status = 204
        self.says = b""
        self.media = ""
        self.retry_after = ""
        self.behaves = "well"
        self.over = threading.Event()
        self.url = f"{'https' if tls else 'http'}://{LOOPBACK}:{port}/hooks?from=kent"

    def headers(self) -> list[tuple[str, str]]:
        """What it says beside the answer, as far as it says anything."""
        said = (("content-type", self.media), ("retry-after", self.retry_after))
        return [(name, value) for name, value in said if value]

    async def answers_here(self, _name: str, _port: int) -> Sequence[str]:
        """A resolver that knows this one address for every name."""
        return [LOOPBACK]


@contextmanager
def receiver(*, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Such a server, answering."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            headers = {name.lower(): value for name, value in self.headers.items()}
            known.received.append(Received(self.path, headers, body))
            try:
                _answer(self, known)
            except OSError:  # whoever asked has gone
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = _Server((LOOPBACK, 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    known = Receiver(server.server_address[1], tls=tls is not None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield known
    finally:
        known.over.set()
        server.shutdown()
        thread.join(10)
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A handshake that the caller broke off is what some tests are about."""


def _answer(handler: BaseHTTPRequestHandler, known: Receiver) -> None:
    match known.behaves:
        case "redirect":
            handler.send_response(302)
            handler.send_header("location", f"http://{LOOPBACK}:{known.port}/elsewhere")
            handler.send_header("content-length", "0")
            handler.end_headers()
        case "trickle":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            _until_over(handler, known, b"x: y\r\n", 0.05)
        case "endless":
            handler.send_response(500)
            handler.end_headers()
            _until_over(handler, known, b"never ends " * 1000, 0)
        case "headers":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
            _until_over(handler, known, b"x-more: " + b"y" * 1000 + b"\r\n", 0)
        case "silent":
            known.over.wait(30)
        case "rubbish":
            handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        case _:
            handler.send_response(known.status)
            handler.send_header("content-length", str(len(known.says)))
            for name, value in known.headers():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(known.says)
    handler.close_connection = handler.close_connection or known.behaves != "well"


def _until_over(
    handler: BaseHTTPRequestHandler, known: Receiver, piece: bytes, pause: float
) -> None:
    while not known.over.wait(pause):
        handler.wfile.write(piece)


def certificate_for(name: str, directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for one name, and a client's that trusts who issued its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(began)
        .not_valid_after(began + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([_name(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cadata=certificate.public_bytes(Encoding.PEM).decode())
    return server, client


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
    return port
