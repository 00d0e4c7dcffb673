"""A visitor who sends what a browser would, or what an attacker would."""

from http.cookies import SimpleCookie
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.demo.pages import read_page
from identity import sessions
from identity.sessions import SignedInSession
from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer

STAFF_COOKIE = "__Host-kentcard-staff"
RESIDENT_COOKIE = "__Host-kentcard-resident"
FORM_COOKIE = "__Host-kentcard-form"


class Visitor:
    """Keeps cookies by hand, because the standard jar sends none marked Secure over http."""

    def __init__(self, live: LiveServer) -> None:
        self.live = live
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> httpx.Response:
        """Open a page; redirects are not followed."""
        return self._request("GET", path)

    def post(
        self, path: str, data: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Send a form as it is given."""
        return self._request("POST", path, data=data, headers=headers or {})

    def raw(self, path: str, content: bytes, kind: str) -> httpx.Response:
        """Send a body as it is given."""
        return self._request("POST", path, content=content, headers={"content-type": kind})

    def token(self, path: str) -> str:
        """The token in the first form of a page."""
        answer = self.get(path)
        return read_page(path, answer.status_code, answer.text).forms[0].fields["csrf_token"]

    def sign_in_as_staff(self) -> None:
        """Sign in as the member of staff there is."""
        self.sign_in_as(CLERK_USER)

    def sign_in_as(self, username: str) -> None:
        """Sign in as a member of staff; in tests all have one password."""
        token = self.token("/staff/sign-in")
        typed = {"username": username, "password": CLERK_PASSWORD, "csrf_token": token}
        answer = self.post("/staff/sign-in", typed)
        assert answer.headers["location"] == "/staff/sign-in/code"
        code = self.live.app_code(username)
        typed = {"code": code, "csrf_token": self.token("/staff/sign-in/code")}
        answer = self.post("/staff/sign-in/code", typed)
        assert answer.headers["location"] == "/staff"

    def sign_in_as_resident(self, email: str) -> None:
        """Sign in with a code from the messages."""
        self.post("/sign-in", {"email": email, "csrf_token": self.token("/sign-in")})
        typed = {"code": self.live.newest_code(), "csrf_token": self.token("/sign-in/code")}
        assert self.post("/sign-in/code", typed).status_code == httpx.codes.SEE_OTHER

    def act_for(self, account: str, **typed: str) -> httpx.Response:
        """Open an assisted session for a resident: about their account, documents seen."""
        path = f"/staff/residents/{account}/assisted/new"
        chosen = {"reason": "explain", "presence": "documents-seen"} | typed
        return self.post(path, chosen | {"csrf_token": self.token(path)})

    def signed_in_id(self, cookie: str) -> UUID:
        """The id of the sign-in behind a cookie."""

        async def work(session: AsyncSession) -> UUID:
            found = await sessions.look_up(session, self.cookies[cookie], now=self.live.clock())
            assert isinstance(found, SignedInSession)
            return found.session_id

        return self.live.do(work)

    def _request(
        self,
        method: str,
        path: str,
        *,
        data: dict[str, str] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"cookie": cookie, **(headers or {})}
        with httpx.Client(base_url=self.live.url, timeout=20) as client:
            answer = client.request(method, path, data=data, content=content, headers=sent)
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer
