"""A visitor without JavaScript: reads pages and sends their forms, as a browser would."""

from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urljoin

import httpx
import msgspec

from cardservice.demo.report import StepFailed

REDIRECTS = 5


class Form(msgspec.Struct):
    """A form of a page: where it goes, what it sends when nothing is typed, what can be chosen."""

    action: str
    method: str
    fields: dict[str, str]
    choices: dict[str, list[str]]


class Page(msgspec.Struct, frozen=True):
    """A page as its reader meets it."""

    url: str
    status: int
    text: str
    forms: list[Form]
    links: dict[str, str]
    parts: dict[str, str]

    def part(self, name: str) -> str:
        """The words inside the element with that id.

        Raises:
            StepFailed: if the page has none.
        """
        if name not in self.parts:
            raise StepFailed(f"the page {self.url} ({self.status}) has no part {name!r}")
        return self.parts[name]

    def form(self, wanted: str) -> Form:
        """The form that posts to an address ending in ``wanted`` (path without query).

        Raises:
            StepFailed: if the page has none.
        """
        for form in self.forms:
            if form.action.split("?", maxsplit=1)[0].endswith(wanted):
                return form
        raise StepFailed(f"the page {self.url} ({self.status}) has no form for {wanted}")

    def link(self, wanted: str) -> str:
        """The address behind the link with that text.

        Raises:
            StepFailed: if the page has none.
        """
        if wanted not in self.links:
            raise StepFailed(f"the page {self.url} ({self.status}) has no link {wanted!r}")
        return self.links[wanted]


class Visitor:
    """One person at a browser: follows redirects and keeps cookies.

    The cookies are kept here because a cookie marked Secure is only sent to localhost over http by
    browsers, not by the standard library's cookie jar.
    """

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._client = httpx.Client(timeout=20)
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> Page:
        """Open a page."""
        return self._follow("GET", urljoin(self._base, path), None)

    def send(self, page: Page, wanted: str, **typed: str) -> Page:
        """Send the page's form for ``wanted`` with what was typed."""
        form = page.form(wanted)
        return self._follow(form.method, urljoin(page.url, form.action), {**form.fields, **typed})

    def _follow(self, method: str, url: str, data: dict[str, str] | None) -> Page:
        for _ in range(REDIRECTS):
            answer = self._request(method, url, data)
            if answer.status_code not in {301, 302, 303, 307}:
                return read_page(str(answer.url), answer.status_code, answer.text)
            method, url, data = "GET", urljoin(url, answer.headers["location"]), None
        raise StepFailed(f"{url} redirects without end")

    def _request(self, method: str, url: str, data: dict[str, str] | None) -> httpx.Response:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Sec-Fetch-Site": "same-origin",
            "Sec-Fetch-Mode": "navigate",
        }
        if method != "GET":
            headers["Origin"] = self._base
        try:
            answer = self._client.request(method, url, data=data, headers=headers)
        except httpx.TransportError as error:
            raise StepFailed(f"{url} did not answer: {type(error).__name__}") from error
        self._keep_cookies(answer)
        return answer

    def _keep_cookies(self, answer: httpx.Response) -> None:
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                if morsel.value and morsel["max-age"] != "0":
                    self._cookies[name] = morsel.value
                else:
                    self._cookies.pop(name, None)


def read_page(url: str, status: int, html: str) -> Page:
    """What a reader sees of ``html``: its words in order, forms, links, and parts by id."""
    reader = _PageReader()
    reader.feed(html)
    parts = {name: _joined(words) for name, words in reader.parts.items()}
    return Page(url, status, _joined(reader.words), reader.forms, reader.links, parts)


def _joined(words: list[str]) -> str:
    return " ".join(" ".join(words).split())


VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
CHOSEN = frozenset({"radio", "checkbox"})
SILENT = frozenset({"script", "style", "title", "template"})


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.parts: dict[str, list[str]] = {}
        self._open: list[tuple[str, str]] = []
        self._link: tuple[str, list[str]] | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append((tag, found.get("id", "")))
        if tag == "a":
            self._link = (found.get("href", ""), [])
        elif tag == "form":
            method = found.get("method", "get").upper()
            self.forms.append(Form(found.get("action", ""), method, {}, {}))
        elif self.forms and tag in {"input", "select", "option"}:
            self._field(tag, found)

    def _field(self, tag: str, found: dict[str, str]) -> None:
        fields = self.forms[-1].fields
        if tag == "select":
            self._select = found.get("name", "")
        elif tag == "option":
            if found.get("value"):
                self.forms[-1].choices.setdefault(self._select, []).append(found["value"])
            if "selected" in found:
                fields[self._select] = found.get("value", "")
        elif found.get("name") and not (found.get("type") in CHOSEN and "checked" not in found):
            fields[found["name"]] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if any(tag == opened for opened, _ in self._open):
            while self._open.pop()[0] != tag:
                pass
        if tag == "a" and self._link:
            href, words = self._link
            self.links.setdefault(_joined(words), href)
            self._link = None

    def handle_data(self, data: str) -> None:
        if any(tag in SILENT for tag, _ in self._open):
            return
        self.words.append(data)
        for _, name in self._open:
            if name:
                self.parts.setdefault(name, []).append(data)
        if self._link:
            self._link[1].append(data)
