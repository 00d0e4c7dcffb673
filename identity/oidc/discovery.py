"""What the provider says it can do: exactly what it does.

Source: OpenID Connect Discovery 1.0 section 3; RFC 8414 section 2; RFC 9126, 9207 and 9449.
"""

from collections.abc import Mapping
from typing import Any

from identity.oidc import dpop
from identity.oidc.authorize_checks import PROMPTS
from identity.oidc.levels import LEVELS
from identity.oidc.models import ClientAuth
from identity.oidc.provider import Endpoint, Provider
from identity.oidc.registration import ASSERTION_ALGORITHMS, GRANT_TYPES
from identity.oidc.scopes import SCOPES, claims_of
from identity.oidc.signing import PURPOSES

_OF_ID_TOKENS = ("iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "sid")


def metadata(provider: Provider) -> Mapping[str, Any]:
    """The discovery document."""
    return {
        "issuer": provider.issuer,
        **_endpoints(provider),
        **_signing_in(),
        **_proving(),
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
    }


def _endpoints(provider: Provider) -> Mapping[str, str]:
    named = {
        "authorization_endpoint": Endpoint.AUTHORIZE,
        "pushed_authorization_request_endpoint": Endpoint.PUSH,
        "token_endpoint": Endpoint.TOKEN,
        "userinfo_endpoint": Endpoint.USERINFO,
        "introspection_endpoint": Endpoint.INTROSPECT,
        "revocation_endpoint": Endpoint.REVOKE,
        "end_session_endpoint": Endpoint.LOGOUT,
        "jwks_uri": Endpoint.JWKS,
    }
    return {name: provider.url(endpoint) for name, endpoint in named.items()}


def _signing_in() -> Mapping[str, list[str]]:
    return {
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": list(PURPOSES),
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": list(SCOPES),
        "claims_supported": sorted({*claims_of(SCOPES), *_OF_ID_TOKENS}),
        "acr_values_supported": list(LEVELS),
        "prompt_values_supported": sorted(PROMPTS),
    }


def _proving() -> Mapping[str, list[str]]:
    ways = [way.value for way in ClientAuth]
    algorithms = sorted(ASSERTION_ALGORITHMS)
    proving = {}
    for endpoint in ("token", "introspection", "revocation"):
        proving[f"{endpoint}_endpoint_auth_methods_supported"] = ways
        proving[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = algorithms
    return proving | {"dpop_signing_alg_values_supported": sorted(dpop.ALGORITHMS)}
