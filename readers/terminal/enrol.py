"""A machine becomes a terminal: by a code that works once."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.contract.wire import EnrolRequest
from readers.terminal.errors import AlreadyEnrolled, CodeUnusable, ServerNotUnderstood
from readers.terminal.server import Server
from readers.terminal.state import Identity, State

SHORTEST_CODE: Final = 4
LONGEST_CODE: Final = 64


def enrol(state: State, server: Server, code: str, *, again: bool = False) -> Identity:
    """Make a key pair, exchange ``code`` for an identity, and keep both.

    The private key is made here and never leaves.

    Args:
        state: where to keep them.
        server: asked without an identity.
        code: works once.
        again: whether an enrolled terminal shall get a new key, for example after it was revoked.
            It stays the same terminal and keeps its taps.

    Raises:
        AlreadyEnrolled: this state directory belongs to a terminal, or to another one than the
            code is for.
        StateUnusable: nothing can be kept; the code was not used.
        CodeUnusable: ``code`` cannot be one.
        ServerUnreachable, ServerRefused, ServerNotUnderstood: no identity was given.
    """
    if not SHORTEST_CODE <= len(code) <= LONGEST_CODE:
        raise CodeUnusable("A one-time code is four groups of four letters and digits.")
    if state.is_enrolled() and not again:
        raise AlreadyEnrolled(f"{state.directory} holds an enrolled terminal already.")
    before = state.identity() if again else None
    state.prepare()
    private_key = Ed25519PrivateKey.generate()
    enrolled = server.enrol(
        EnrolRequest(code=code, public_key=private_key.public_key().public_bytes_raw())
    )
    if not enrolled.bundle_keys:
        raise ServerNotUnderstood("The server named no key that signs bundles.")
    if before is not None and before.terminal_id != enrolled.terminal_id:
        raise AlreadyEnrolled(
            f"The code is for {enrolled.name}, and {state.directory} holds taps of {before.name}."
        )
    identity = Identity(
        terminal_id=enrolled.terminal_id,
        name=enrolled.name,
        private_key=private_key.private_bytes_raw(),
        bundle_keys=enrolled.bundle_keys,
    )
    state.forget_bundle()
    state.keep_identity(identity)
    state.keep_server_time(enrolled.server_time)
    return identity
