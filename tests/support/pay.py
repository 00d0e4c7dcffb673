"""What answers as GOV.UK Pay documents itself, on loopback, and keeps what it was sent."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import UUID

KEY: Final = "api_test_123abc456def789ghi012jkl345mno"
_PAYMENT: Final = re.compile(r"/v1/payments/([a-z0-9]+)(/refunds)?")


class Pay:
    """Payments by their id at Pay; a test says what became of one."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[str] = []
        self.fails = 0
        self.says: bytes | None = None

    def pays(self, payment_id: str, status: str = "success") -> None:
        """Its payer has come to an end there."""
        self.payments[payment_id]["state"] = {"status": status, "finished": True}
        if status == "success":
            amount = self.payments[payment_id]["amount"]
            summary = {"status": "available", "amount_available": amount, "amount_submitted": 0}
            self.payments[payment_id]["refund_summary"] = summary

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        if headers.get("authorization") != f"Bearer {KEY}":
            self.faults.append("key")
        if self.fails:
            return self.fails, b'{"code": "P0999", "description": "Unavailable"}'
        if self.says is not None:
            return (201 if method == "POST" else 200), self.says
        if method == "POST" and path == "/v1/payments":
            return 201, json.dumps(self._created(headers, json.loads(body))).encode()
        found = _PAYMENT.fullmatch(path)
        if found is None or found[1] not in self.payments:
            return 404, b"{}"
        if found[2]:
            return self._refunded(found[1], json.loads(body))
        return 200, json.dumps(self.payments[found[1]]).encode()

    def _created(self, headers: dict[str, str], asked: dict[str, Any]) -> dict[str, Any]:
        if headers.get("content-type") != "application/json":
            self.faults.append("media type")
        if set(asked) != {"amount", "reference", "description", "return_url"}:
            self.faults.append("shape")
        UUID(asked["reference"])
        payment_id = f"hu20sqlact5260q2nanm{len(self.payments):06d}"
        self.payments[payment_id] = asked | {
            "payment_id": payment_id,
            "payment_provider": "sandbox",
            "state": {"status": "created", "finished": False},
            "refund_summary": {"status": "pending", "amount_available": 0},
            "_links": {"next_url": {"href": f"{self.url}/secure/{payment_id}", "method": "GET"}},
        }
        return self.payments[payment_id]

    def _refunded(self, payment_id: str, asked: dict[str, Any]) -> tuple[int, bytes]:
        available = self.payments[payment_id]["refund_summary"]["amount_available"]
        if asked != {"amount": available, "refund_amount_available": available}:
            return 412, b'{"code": "P0604", "description": "Refund amount available mismatch."}'
        self.refunds.append((payment_id, asked))
        self.payments[payment_id]["refund_summary"] = {"status": "full", "amount_available": 0}
        return 202, b'{"refund_id": "act4c33g40j3edfmi8jknab84x", "status": "submitted"}'


@contextmanager
def paying() -> Iterator[Pay]:
    """Such a server, answering."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer("POST", self.rfile.read(int(self.headers.get("content-length", 0))))

        def do_GET(self) -> None:
            self._answer("GET", b"")

        def _answer(self, method: str, body: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, said = standing_in.answer(method, self.path, headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standing_in = Pay(server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield standing_in
        assert not standing_in.faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
