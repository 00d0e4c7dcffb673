"""A venue's device, a server it can ask, and codes that residents show at it."""

import base64
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import qrcode  # type: ignore[import-untyped]  # it ships none
from PIL import Image

from readers.contract import phone_pass, wire
from readers.contract.phone_pass import JTI_BYTES, LIFETIME
from readers.contract.record import binding_for
from readers.contract.services import Service
from readers.verify.device import Device
from readers.verify.state import Venue, VenueState
from tests.support.issuer import NOW, Issuer

SERVER: Final = "http://localhost:8000"
JTI: Final = bytes(range(JTI_BYTES))
SERVICES: Final = (Service.LIBRARY, Service.LEISURE, Service.TRAVEL)


class VenueWorld:
    """One device with an issuer behind it; the clock moves when a test says so.

    Attributes:
        answers: what the server answers; None is the present bundle.
        asked: the addresses it was asked for.
    """

    def __init__(self, directory: Path) -> None:
        self.issuer = Issuer()
        self.now = NOW
        self.server_now: datetime | None = None
        self.state = VenueState(directory)
        self.answers: httpx.Response | None = None
        self.asked: list[str] = []
        self.changes: dict[str, Any] = {}

    def believe(self) -> None:
        """What `fetch --server --pin` does before it asks."""
        self.state.prepare()
        self.state.keep_venue(Venue(server_url=SERVER, pinned=self.issuer.pinned))

    def device(self, service: Service | None = None) -> Device:
        return Device(self.state, self.clock, service=service, transport=self.transport)

    def ready(self, service: Service | None = None) -> Device:
        """A device that has fetched."""
        self.believe()
        device = self.device(service)
        device.fetch()
        return device

    def clock(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)

    @property
    def transport(self) -> httpx.BaseTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if self.answers is not None:
            return self.answers
        made = self.server_now or self.now
        changes = {"terminal_id": wire.VENUE} | self.changes
        token = self.issuer.bundle(*SERVICES, made=made, **changes)
        body = wire.SignedBundle(token=token, server_time=made)
        return httpx.Response(200, content=msgspec.json.encode(body))

    def code(
        self, service: Service = Service.LIBRARY, *, jti: bytes = JTI, key_id: bytes = b"rec.1",
        **changes: Any,  # noqa: ANN401  fields of the record
    ) -> str:  # fmt: skip
        """The text of a code as it was made this moment."""
        made = changes.pop("valid_from", self.now)
        given = {"entitlement_class": "holder", "valid_until": made + LIFETIME} | changes
        record = self.issuer.record(service, valid_from=made, **given)
        bound = msgspec.structs.replace(record, binding=binding_for(jti, service))
        return phone_pass.encode(bound, jti, key_id=key_id, sign=self.issuer.records.sign)


def picture_of(*texts: str, kind: str = "PNG", box: int = 6) -> bytes:
    """A picture with these codes beside each other."""
    codes = []
    for text in texts:
        code = qrcode.QRCode(box_size=box, border=4)
        code.add_data(text)
        codes.append(code.make_image().get_image().convert("L"))
    width, height = sum(each.width for each in codes), max(each.height for each in codes)
    whole = Image.new("L", (width, height), 255)
    at = 0
    for each in codes:
        whole.paste(each, (at, 0))
        at += each.width
    return saved(whole, kind)


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def pin_of(issuer: Issuer) -> str:
    """As the card office prints it."""
    (name, key), *_ = issuer.pinned.items()
    return f"{name}:{base64.urlsafe_b64encode(key).rstrip(b'=').decode()}"
