"""What a client must be to be registered: every fault of a registration at once.

Source: OpenID Connect Registration 1.0 section 2; RFC 9700 sections 2.1 and 2.5; RFC 8252.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from identity.oidc import jose
from identity.oidc.models import Basis, ClientAuth
from identity.oidc.scopes import OPENID, SCOPES
from identity.oidc.signing import ES256, PURPOSES

CODE: Final = "authorization_code"
REFRESH: Final = "refresh_token"
MACHINE: Final = "client_credentials"
GRANT_TYPES: Final = (CODE, REFRESH, MACHINE)
ASSERTION_ALGORITHMS: Final = frozenset({"ES256", "EdDSA", "PS256", "RS256"})
_LONGEST_NAME: Final = 120
_LONGEST_URI: Final = 2000
_SMALLEST_RSA: Final = 2048


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a client before it is registered.

    Attributes:
        name: what residents read on the sign-in and consent pages.
        basis: a council service rests on public task, a partner on the resident's consent.
        auth: how it proves who it is.
        grant_types: what it may do; by default sign people in.
        scopes: the most it may ask for.
        keys: public JWKs that it signs assertions with.
        sector: the host whose clients share one name for each resident; by default that of the
            redirect addresses.
        pkce_required: only a confidential client may go without, and then sends a nonce.
        introspects: it is a resource server, and may ask about tokens of others.
    """

    name: str
    basis: Basis
    auth: ClientAuth
    grant_types: tuple[str, ...] = (CODE,)
    scopes: tuple[str, ...] = (OPENID,)
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    keys: tuple[Mapping[str, str], ...] = ()
    sector: str = ""
    id_token_alg: str = ES256
    pkce_required: bool = True
    par_required: bool = False
    dpop_required: bool = False
    introspects: bool = False


def faults_in(details: NewClient) -> Mapping[str, str]:
    """Field name -> what is wrong with it, in a sentence; empty when nothing is."""
    found = {
        "name": _name_fault(details.name),
        "grant_types": _unknown("grant types", details.grant_types, GRANT_TYPES),
        "scopes": _unknown("scopes", details.scopes, SCOPES),
        "redirect_uris": _redirect_fault(details),
        "post_logout_redirect_uris": _uris_fault(details.post_logout_redirect_uris),
        "backchannel_logout_uri": _uris_fault(filter(None, [details.backchannel_logout_uri])),
        "keys": _keys_fault(details),
        "sector": _sector_fault(details),
        "id_token_alg": _unknown("algorithms", (details.id_token_alg,), PURPOSES),
        "auth": _auth_fault(details),
    }
    return {field: fault for field, fault in found.items() if fault}


def sector_of(details: NewClient, client_id: str) -> str:
    """The sector identifier: given, or the host of the redirect addresses, or the client alone.

    Source: OpenID Connect Core 1.0 section 8.1.
    """
    hosts = _hosts(details)
    return details.sector or (hosts.pop() if hosts else client_id)


def _name_fault(name: str) -> str:
    usable = name.strip() == name and 0 < len(name) <= _LONGEST_NAME and name.isprintable()
    return "" if usable else f"Enter a name of at most {_LONGEST_NAME} characters"


def _unknown(what: str, given: Iterable[str], known: Iterable[str]) -> str:
    choices = tuple(known)
    wrong = sorted(set(given) - set(choices))
    return f"Unknown {what}: {', '.join(wrong)}. Choose from {', '.join(choices)}" if wrong else ""


def _redirect_fault(details: NewClient) -> str:
    if CODE in details.grant_types and not details.redirect_uris:
        return "Enter the address that people return to after they sign in"
    return _uris_fault(details.redirect_uris)


def _uris_fault(uris: Iterable[str]) -> str:
    wrong = [uri for uri in uris if not _is_usable(uri)]
    if not wrong:
        return ""
    return (
        f"Not usable: {', '.join(wrong)}. An address begins with https:// (http:// only for "
        "localhost) and has no user name, wildcard or fragment"
    )


def _is_usable(uri: str) -> bool:
    """Exact addresses of one site, over a connection that nobody can read."""
    parts = _split(uri)
    if parts is None or not parts.hostname or not uri.isascii() or not uri.isprintable():
        return False
    odd = {"*", "#", "\\", " ", '"', "<", ">"} & set(uri) or "@" in parts.netloc
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
    return safe and not odd and len(uri) <= _LONGEST_URI


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _keys_fault(details: NewClient) -> str:
    if (details.auth is ClientAuth.PRIVATE_KEY_JWT) != bool(details.keys):
        return "Give public keys to a client that signs (private_key_jwt), and to no other"
    if not all(_is_public_key(jwk) for jwk in details.keys):
        return "Each key must be a public JWK for ES256, EdDSA, or RSA of 2048 bits or more"
    return ""


def _is_public_key(jwk: Mapping[str, str]) -> bool:
    if jose.PRIVATE_MEMBERS & set(jwk):
        return False
    keys = filter(None, (jose.key_of(jwk, alg) for alg in ASSERTION_ALGORITHMS))
    return any(getattr(key.key, "key_size", _SMALLEST_RSA) >= _least(key.key_type) for key in keys)


def _least(key_type: str | None) -> int:
    return _SMALLEST_RSA if key_type == "RSA" else 256


def _sector_fault(details: NewClient) -> str:
    several = len(_hosts(details)) > 1 and not details.sector
    return "Name the sector: the redirect addresses are on several hosts" if several else ""


def _hosts(details: NewClient) -> set[str]:
    split = map(_split, details.redirect_uris)
    return {parts.hostname for parts in split if parts is not None and parts.hostname}


def _auth_fault(details: NewClient) -> str:
    if details.auth is not ClientAuth.NONE:
        return ""
    if MACHINE in details.grant_types or details.introspects:
        return "A client without a secret or key cannot act on its own behalf"
    return "" if details.pkce_required else "A client without a secret or key must use PKCE"
