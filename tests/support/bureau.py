"""A bureau as it works: keys of its own, an encoder, and a JOSE library that is not ours."""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from joserfc import jwe, jws
from joserfc.jwk import OKPKey

from cardservice.bureau_files import BureauKeys, read_keys
from identity.keys import KeyStore, Purpose

Line = dict[str, Any]
RESULTS: Final = "kentcard-results+jsonl"


class CardWorks:
    """A bureau with its private keys."""

    def __init__(self) -> None:
        self.sealing = OKPKey.generate_key("X25519")
        self.signing = OKPKey.generate_key("Ed25519")

    def public(self) -> bytes:
        keys = [key.as_dict(private=False) for key in (self.sealing, self.signing)]
        return json.dumps({"keys": keys}).encode()

    def keys(self) -> BureauKeys:
        return read_keys(self.public())

    def opened(self, data: bytes, store: KeyStore) -> tuple[Line, list[Line]]:
        """The head and the rows of a batch, once the council's signature is good."""
        found = jwe.decrypt_compact(data, self.sealing, algorithms=["ECDH-ES", "A256GCM"])
        assert found.plaintext is not None
        key = store.public_key(store.current(Purpose.BUREAU_SIGN)).public_bytes_raw()
        council = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": _b64(key)})
        signed = jws.deserialize_compact(found.plaintext, council, algorithms=["Ed25519"])
        head, *rows = (json.loads(line) for line in signed.payload.splitlines())
        return head, rows

    def answer(self, batch: UUID, rows: Sequence[Line], *, says: int | None = None) -> bytes:
        """A signed file of results."""
        head = {"batch": str(batch), "rows": len(rows) if says is None else says}
        lines = "\n".join(json.dumps(each) for each in (head, *rows))
        header = {"alg": "Ed25519", "typ": RESULTS}
        return jws.serialize_compact(header, lines, self.signing, algorithms=["Ed25519"]).encode()


def dispatched(row: int, uid: bytes) -> Line:
    """A row that was posted."""
    return {"row": row, "outcome": "dispatched", "chip": uid.hex()}


def failed(row: int, fault: str = "print") -> Line:
    """A row that was not made."""
    return {"row": row, "outcome": "failed", "fault": fault}


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
