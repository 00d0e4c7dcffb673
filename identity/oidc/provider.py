"""What the provider is made of: its name, its keys, its addresses."""

from enum import StrEnum

import msgspec

from identity.oidc.signing import Signer
from identity.personal import Vault


class Endpoint(StrEnum):
    """The provider's addresses below the issuer."""

    DISCOVERY = "/.well-known/openid-configuration"
    METADATA = "/.well-known/oauth-authorization-server"
    JWKS = "/oidc/jwks"
    AUTHORIZE = "/oidc/authorize"
    PUSH = "/oidc/par"
    TOKEN = "/oidc/token"  # noqa: S105  (a path)
    USERINFO = "/oidc/userinfo"
    INTROSPECT = "/oidc/introspect"
    REVOKE = "/oidc/revoke"
    LOGOUT = "/oidc/logout"
    RESUME = "/oidc/resume"


class Provider(msgspec.Struct, frozen=True):
    """The provider.

    Attributes:
        issuer: its address: scheme, host and port, without a slash at the end.
        signer: its keys.
        vault: seals what it keeps about people.
    """

    issuer: str
    signer: Signer
    vault: Vault

    def url(self, endpoint: Endpoint) -> str:
        """The whole address of an endpoint."""
        return f"{self.issuer}{endpoint.value}"
