"""The recipe in deploy/apache.conf, in Debian's Apache: TLS, sockets, and what stays inside."""

import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect

from identity.keys import FileKeyStore
from readers.contract import wire
from tests.support import apache
from tests.support.server import FROM_SERVER, World, new_card, world
from tests.support.sip2 import Certificate, self_signed

RECIPE: Final = Path(__file__).parents[3] / "deploy" / "apache.conf"
NAME: Final = "card.example.gov.uk"
_LOADED: Final = (
    *("mpm_event", "authz_core", "headers", "log_config", "rewrite", "proxy", "proxy_http"),
    *("ssl", "socache_shmcb"),
)
_BUILT_IN: Final = {"log_config"}

pytestmark = pytest.mark.skipif(
    not (apache.HTTPD.exists() and (apache.MODULES / "mod_ssl.so").exists()),
    reason="Apache is not installed, so the recipe was not tried with it",
)


class Front:
    """Where Apache listens."""

    def __init__(self, plain: int, secure: int, certificate: Certificate) -> None:
        self.plain = f"http://localhost:{plain}"
        self.secure = f"https://localhost:{secure}"
        self.tls: ssl.SSLContext = certificate.client()

    def client(self, url: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=url, verify=self.tls, trust_env=False)


@contextmanager
def in_front_of(served: World) -> Iterator[Front]:
    """Apache with the recipe as it is, but for names, ports and paths."""
    root = Path(mkdtemp(prefix="kent-httpd-", dir="/tmp"))
    root.chmod(0o755)
    certificate = self_signed(root)
    plain, secure = apache.free_port(), apache.free_port()
    recipe = RECIPE.read_text(encoding="utf-8")
    for before, after in (
        ("/etc/ssl/card/fullchain.pem", str(certificate.certificate)),
        ("/etc/ssl/card/key.pem", str(certificate.key)),
        (f"https://{NAME}/", f"https://localhost:{secure}/"),
        (NAME, "localhost"),
        ("*:80>", f"127.0.0.1:{plain}>"),
        ("*:443>", f"127.0.0.1:{secure}>"),
        ("127.0.0.1:8000", f"127.0.0.1:{urlsplit(served.url).port}"),
        ("${APACHE_LOG_DIR}", str(root)),
    ):
        assert before in recipe
        recipe = recipe.replace(before, after)
    modules = "\n".join(
        f"LoadModule {name}_module {apache.MODULES / f'mod_{name}.so'}"
        for name in _LOADED
        if name not in _BUILT_IN
    )
    (root / "httpd.conf").write_text(
        f"{modules}\nUser www-data\nGroup www-data\nServerRoot {root}\nServerName localhost\n"
        f"Listen 127.0.0.1:{plain}\nListen 127.0.0.1:{secure}\nPidFile {root}/pid\n"
        f"Mutex file:{root}\nErrorLog {root}/error.log\n{recipe}"
    )
    server = subprocess.Popen([apache.HTTPD, "-f", root / "httpd.conf", "-D", "FOREGROUND"])
    try:
        apache.wait_for(secure, server, root / "error.log")
        yield Front(plain, secure, certificate)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
        log = (root / "kentcard.log").read_text(encoding="utf-8")
        shutil.rmtree(root)
    assert "/healthz" in log
    assert "secret-in-the-query" not in log


async def test_pages_and_terminals_are_reached_through_the_recipe_and_counts_are_not(
    tmp_path: Path, keystore: FileKeyStore
) -> None:
    async with world(f"sqlite:///{tmp_path}/kent.db", keystore) as served:
        desk = await served.machine("Desk")
        with in_front_of(served) as front:
            async with front.client(front.secure) as client:
                assert (await client.get("/healthz?code=secret-in-the-query")).status_code == 200
                assert (await client.get("/metrics")).status_code == 403
                assert (await client.get("/")).status_code in {200, 302, 303}
            async with front.client(front.plain) as client:
                moved = await client.get("/register?x=1")
                assert moved.status_code == 308
                assert moved.headers["location"] == f"{front.secure}/register?x=1"
                for path in ("/api/terminal/bundle", "/oidc/token", "/metrics"):
                    assert (await client.get(path)).status_code == 403, path
            address = f"wss{front.secure.removeprefix('https')}{wire.CARD_SESSION_PATH}"
            async with connect(
                address, additional_headers=desk.header(), ssl=front.tls, proxy=None
            ) as spoken:
                hello = wire.Hello(purpose=wire.Purpose.PERSONALISE, uid=new_card().uid)
                await spoken.send(msgspec.json.encode(hello))
                ended = FROM_SERVER.decode(await spoken.recv())
            assert isinstance(ended, wire.Ended)
            assert ended.result is wire.SessionResult.NO_ORDER
