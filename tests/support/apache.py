"""An Apache of the tests' own with Debian's mod_auth_openidc: own ServerRoot, loopback only."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import msgspec

from identity.oidc.clients import Registered
from identity.oidc.provider import Endpoint
from identity.oidc.registration import NewClient
from tests.support.oidc import COUNCIL

HTTPD: Final = Path("/usr/sbin/apache2")
MODULES: Final = Path("/usr/lib/apache2/modules")
PAGE: Final = "/protected/page.html"
REDIRECT: Final = "/protected/redirect_uri"
MISSING: Final = "Apache with mod_auth_openidc is not installed, so this was not tried with it"
_STARTED_WITHIN: Final = 20.0
_LOADED: Final = ("mpm_event", "authn_core", "authz_core", "authz_user", "headers", "auth_openidc")


def is_installed() -> bool:
    return HTTPD.exists() and (MODULES / "mod_auth_openidc.so").exists()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class ProtectedPage:
    """A council page that Apache protects, and how it is known to the provider."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://localhost:{port}"
        self.protected = self.url + PAGE
        self.redirect_uri = self.url + REDIRECT
        self.goodbye = f"{self.url}/goodbye"

    def as_client(self) -> NewClient:
        """What the provider is told of it."""
        return msgspec.structs.replace(
            COUNCIL,
            redirect_uris=(self.redirect_uri,),
            post_logout_redirect_uris=(self.goodbye,),
            backchannel_logout_uri=f"{self.redirect_uri}?logout=backchannel",
        )

    def settings(self, issuer: str, client: Registered) -> dict[str, str]:
        """What Apache is told of the provider."""
        return {
            "OIDCProviderMetadataURL": issuer + Endpoint.DISCOVERY,
            "OIDCClientID": client.client_id,
            "OIDCClientSecret": client.secret or "",
            "OIDCProviderTokenEndpointAuth": "client_secret_basic",
            "OIDCRedirectURI": self.redirect_uri,
            "OIDCPKCEMethod": "S256",
            "OIDCScope": "openid profile",
            "OIDCRemoteUserClaim": "sub",
        }


@contextmanager
def serving(port: int, settings: Mapping[str, str]) -> Iterator[None]:
    """Serve one page behind a sign-in.

    The page's answer says who is signed in, in the headers `X-Subject` and `X-Name`.

    Args:
        port: on loopback.
        settings: directives of mod_auth_openidc and their values.
    """
    # Not under pytest's directory, which Apache's own user may not enter.
    root = Path(mkdtemp(prefix="kent-httpd-", dir="/tmp"))
    root.chmod(0o755)
    page = root / "htdocs" / PAGE.lstrip("/")
    page.parent.mkdir(parents=True)
    page.write_text("<h1>Protected</h1>")
    (root / "httpd.conf").write_text(_configuration(root, port, settings))
    server = subprocess.Popen([HTTPD, "-f", root / "httpd.conf", "-D", "FOREGROUND"])
    try:
        wait_for(port, server, root / "error.log")
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
        shutil.rmtree(root)


def _configuration(root: Path, port: int, settings: Mapping[str, str]) -> str:
    modules = "\n".join(
        f"LoadModule {name}_module {MODULES / f'mod_{name}.so'}" for name in _LOADED
    )
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    directives = "\n".join(f'{name} "{value}"' for name, value in settings.items())
    return f"""
{modules}
{user}
ServerRoot {root}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {root}/pid
Mutex file:{root}
ErrorLog {root}/error.log
DocumentRoot {root}/htdocs
OIDCCryptoPassphrase {secrets.token_hex(16)}
{directives}
<Location /protected/>
  AuthType openid-connect
  Require valid-user
  Header set X-Subject "%{{OIDC_CLAIM_sub}}e"
  Header set X-Name "%{{OIDC_CLAIM_name}}e"
</Location>
"""


def wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until it listens; fails with what it logged if it never does."""
    deadline = time.monotonic() + _STARTED_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            if server.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            said = log.read_text(errors="replace") if log.exists() else "it said nothing"
            raise RuntimeError(f"Apache did not start: {said}") from error
        return
