"""Registering and claiming an account at the HTTP boundary: words, forms, floods, guardians."""

import re
from uuid import UUID

import httpx
import msgspec
import pytest

from identity.contacts import CodeUse
from identity.models import StaffRole
from identity.registrations import IDLE, KEPT
from tests.support.people import JEAN
from tests.support.visitor import RESIDENT_COOKIE, Visitor
from tests.support.web import LiveServer

REGISTRATION = "__Host-kentcard-registration"
ANSWERS = {
    "name": {"given_names": "Mina", "family_name": "Weald"},
    "birth-date": {"birth_date-day": "1", "birth_date-month": "3", "birth_date-year": "1980"},
    "address": {"address_lines": "3 Example Street", "town": "Dover", "postcode": "ct161pb"},
    "mobile": {"mobile": ""},
}
SEE_OTHER, UNPROCESSABLE = httpx.codes.SEE_OTHER, httpx.codes.UNPROCESSABLE_ENTITY


def send(visitor: Visitor, path: str, **typed: str) -> httpx.Response:
    return visitor.post(path, {**typed, "csrf_token": visitor.token(path)})


def begin(live: LiveServer, email: str) -> Visitor:
    visitor = Visitor(live)
    assert send(visitor, "/register", email=email).headers["location"] == "/register/code"
    answer = send(visitor, "/register/code", code=live.newest_code())
    assert answer.headers["location"] == "/register/name"
    return visitor


def answered(live: LiveServer, email: str) -> Visitor:
    visitor = begin(live, email)
    for step, typed in ANSWERS.items():
        assert send(visitor, f"/register/{step}", **typed).status_code == SEE_OTHER
    return visitor


def without_what_differs(page: str, *parts: str) -> str:
    for part in (*parts, r'nonce="[^"]*"', r'name="csrf_token" value="[^"]*"'):
        page = re.sub(part, "", page)
    return page


def test_known_and_unknown_addresses_get_the_same_words_at_every_step(live: LiveServer) -> None:
    live.register(msgspec.structs.replace(JEAN, email="known@example.com"))
    told: list[list[str]] = []
    for email in ("known@example.com", "unknown@example.com"):
        visitor = Visitor(live)
        pages = [send(visitor, "/register", email=email), visitor.get("/register/code")]
        pages += [send(visitor, "/register/code", code=str(turn)) for turn in range(6)]
        other = Visitor(live)
        pages += [send(other, "/sign-in", email=email), other.get("/sign-in/code")]
        said = [f"{page.status_code} {page.headers.get('location')} {page.text}" for page in pages]
        told.append([without_what_differs(page, re.escape(email)) for page in said])
        kinds = [message.kind for message in live.messages()[:2] if message.to == email]
        assert kinds == ["sign-in-code", "sign-in-code"]
    assert told[0] == told[1]


def test_the_last_form_sent_twice_makes_one_account(live: LiveServer) -> None:
    visitor = answered(live, "twice@example.com")
    before, token = dict(visitor.cookies), visitor.token("/register/check")
    first = visitor.post("/register/check", {"csrf_token": token})
    visitor.cookies = before
    second = visitor.post("/register/check", {"csrf_token": token})
    for answer in (first, second):
        assert answer.headers["location"] == "/account/welcome"
    welcomes = [each for each in live.messages() if each.kind == "account-made"]
    assert sum(each.to == "twice@example.com" for each in welcomes) == 1
    assert REGISTRATION not in visitor.cookies
    assert RESIDENT_COOKIE in visitor.cookies
    assert visitor.get("/register/check").headers["location"] == "/account"


def test_no_step_is_open_without_a_proved_address(live: LiveServer) -> None:
    visitor = Visitor(live)
    for step in (*ANSWERS, "check", "mobile-code", "code", "new"):
        assert visitor.get(f"/register/{step}").headers["location"] == "/register"
    send(visitor, "/register", email="slow@example.com")
    for step in ("name", "mobile", "check"):
        assert visitor.get(f"/register/{step}").headers["location"] == "/register/again"
    assert visitor.get("/register/no-such-step").status_code == httpx.codes.NOT_FOUND


def test_a_form_sent_after_a_day_comes_back_with_everything_in_it(live: LiveServer) -> None:
    visitor = begin(live, "late@example.com")
    token = visitor.token("/register/name")
    live.clock.move(KEPT)
    typed = {"given_names": "ליאור", "family_name": "x" * 200, "csrf_token": token}
    same = {"sec-fetch-site": "same-origin"}
    kept = visitor.post("/register/name", typed, headers=same)
    assert kept.status_code == httpx.codes.FORBIDDEN
    assert "ליאור" in kept.text
    assert "x" * 200 in kept.text
    assert "Begin again (opens in a new tab)" in kept.text


def test_what_is_sent_after_a_pause_is_kept_until_the_address_is_proved(live: LiveServer) -> None:
    visitor = begin(live, "pause@example.com")
    token = visitor.token("/register/name")
    live.clock.move(IDLE)
    typed = {**ANSWERS["name"], "csrf_token": token}
    answer = visitor.post("/register/name", typed)
    assert answer.headers["location"] == "/register/again"
    send(visitor, "/register/again")
    send(visitor, "/register/code", code=live.newest_code())
    assert 'value="Weald"' in visitor.get("/register/name").text


@pytest.mark.parametrize(
    ("step", "typed", "words"),
    [
        ("name", {}, "Enter a name"),
        ("name", {"given_names": "x" * 201}, "200 characters or fewer"),
        ("name", {"family_name": "a\u202eb"}, "cannot be printed"),
        ("birth-date", {"birth_date-year": "1980"}, "Enter a real date of birth"),
        (
            "birth-date",
            {"birth_date-day": "29", "birth_date-month": "2", "birth_date-year": "2023"},
            "real date",
        ),
        (
            "birth-date",
            {"birth_date-day": "1", "birth_date-month": "1", "birth_date-year": "3000"},
            "must not be in the future",
        ),
        (
            "birth-date",
            {"birth_date-day": "1", "birth_date-month": "1", "birth_date-year": "0001"},
            "1900 or later",
        ),
        ("address", {"postcode": "ME14 1XQ"}, "Enter the address"),
        ("address", {"address_lines": "1 High Street", "postcode": "SW1A 1AA"}, "Kent or Medway"),
        ("address", {"address_lines": "1 High Street", "postcode": "ME99 9ZZ"}, "Kent or Medway"),
        ("address", {"address_lines": "1 High Street", "postcode": "ME1"}, "full UK postcode"),
        ("mobile", {"mobile": "01622 123456"}, "Enter a UK mobile number"),
        ("mobile", {"mobile": "+1 500 555 0006"}, "cannot send text messages abroad"),
        ("mobile", {"mobile": "0" * 5000}, "Enter a UK mobile number"),
    ],
    ids=str,
)
def test_each_fault_is_said_and_what_was_typed_stays(
    live: LiveServer, step: str, typed: dict[str, str], words: str
) -> None:
    visitor = begin(live, f"{abs(hash((step, str(typed))))}@example.com")
    answer = send(visitor, f"/register/{step}", **typed)
    assert answer.status_code == UNPROCESSABLE
    assert words in answer.text
    again = visitor.get(f"/register/{step}").text
    for text in typed.values():
        assert f'value="{text[:1000]}' in again


@pytest.mark.parametrize(
    ("given", "family"),
    [("X", ""), ("", "Sukarno"), ("نور", "ابن سينا"), ("雪", "王"), ("x" * 200, "y" * 200)],
    ids=["one letter", "no given name", "right to left", "one sign each", "200 letters"],
)
def test_a_name_of_any_people_is_shown_whole_and_registered(
    live: LiveServer, given: str, family: str
) -> None:
    visitor = begin(live, f"{len(given)}-{len(family)}-{ord((given + family)[0])}@example.com")
    send(visitor, "/register/name", given_names=given, family_name=family)
    leap_day = {"birth_date-day": "29", "birth_date-month": "2", "birth_date-year": "2000"}
    for step, typed in (ANSWERS | {"birth-date": leap_day}).items():
        if step != "name":
            assert send(visitor, f"/register/{step}", **typed).status_code == SEE_OTHER
    name = f"{given} {family}".strip()
    assert name in visitor.get("/register/check").text
    made = send(visitor, "/register/check")
    assert made.status_code == SEE_OTHER
    assert RESIDENT_COOKIE in visitor.cookies
    shown = visitor.get("/account/details").text
    assert name in shown
    assert "29 February 2000" in shown


def test_an_inbox_is_not_filled(live: LiveServer) -> None:
    for _ in range(3):
        visitor = Visitor(live)
        for path in ("/register", "/sign-in", "/register"):
            token = visitor.token(path)
            answer = visitor.post(path, {"email": "victim@example.com", "csrf_token": token})
            assert answer.status_code == SEE_OTHER
    assert sum(message.to == "victim@example.com" for message in live.messages()) == 5


def test_a_mobile_is_asked_for_its_code_before_it_is_kept(live: LiveServer) -> None:
    visitor = answered(live, "mobile@example.com")
    answer = send(visitor, "/register/mobile", mobile="07400 555 123")
    assert answer.headers["location"] == "/register/mobile-code"
    assert visitor.get("/register/check").headers["location"] == "/register/mobile"
    assert send(visitor, "/register/mobile-code", code="1").status_code == UNPROCESSABLE
    code = live.newest_code(CodeUse.PROVE)
    answer = send(visitor, "/register/mobile-code", code=code)
    assert answer.headers["location"] == "/register/check"
    assert "07400 555123" in visitor.get("/register/check").text


def test_a_desk_gives_a_code_and_its_owner_claims_the_same_account(live: LiveServer) -> None:
    account = live.register(msgspec.structs.replace(JEAN, given_names="Rosa", email=""))
    clerk, here = Visitor(live), f"/staff/residents/{account}"
    clerk.sign_in_as_staff()
    token = clerk.token(f"{here}?reason=at-desk")
    letter = clerk.post(f"{here}/activation-code?reason=at-desk", {"csrf_token": token})
    assert "Rosa" in letter.text
    found = re.search(r'id="activation-code">([^<]+)<', letter.text)
    assert found is not None
    born = {"birth_date-day": "31", "birth_date-month": "7", "birth_date-year": "1960"}
    rosa, refusals = Visitor(live), set()
    for code, date in ((found[1], {**born, "birth_date-day": "30"}), ("ABCD-2345-EFGH", born)):
        refused = send(rosa, "/activate", code=code, **date)
        assert refused.status_code == UNPROCESSABLE
        refusals.add(refused.text.split('error-summary__list">')[1].split("</ul>")[0])
    assert len(refusals) == 1
    done = send(rosa, "/activate", code=found[1], **born)
    assert done.headers["location"] == "/account/welcome?activated=yes"
    assert "Add your e-mail address" in rosa.get("/account/welcome?activated=yes").text
    assert send(rosa, "/account/email", email="rosa@example.com").status_code == SEE_OTHER
    code = live.newest_code(CodeUse.PROVE)
    answer = send(rosa, "/account/email/code", code=code)
    assert answer.headers["location"] == "/account/details?done=email"
    again = Visitor(live)
    again.sign_in_as_resident("rosa@example.com")
    details = again.get("/account/details").text
    assert "Rosa" in details
    assert "Your account number" not in details


def test_only_a_role_that_meets_residents_gives_codes(live: LiveServer) -> None:
    account = live.register(msgspec.structs.replace(JEAN, given_names="Una", email=""))
    auditor = Visitor(live)
    auditor.sign_in_as(live.add_staff(StaffRole.AUDITOR, "reader"))
    path = f"/staff/residents/{account}/activation-code?reason=at-desk"
    token = auditor.token("/staff/audit")
    assert auditor.post(path, {"csrf_token": token}).status_code == httpx.codes.FORBIDDEN


def child(born: str, **guardian: str) -> dict[str, str]:
    day, month, year = born.split("/")
    return {
        "given_names": "Kit",
        "family_name": "Weald",
        "birth_date-day": day,
        "birth_date-month": month,
        "birth_date-year": year,
        "address_lines": "3 Example Street",
        "town": "Maidstone",
        "postcode": "ME14 1XQ",
        "identity_document.kind": "birth-certificate",
        "address_document.kind": "council-tax-bill",
        "address_document.dated_on-day": "1",
        "address_document.dated_on-month": "4",
        "address_document.dated_on-year": "2026",
        **guardian,
    }


def test_somebody_young_is_registered_with_a_guardian(live: LiveServer) -> None:
    clerk = Visitor(live)
    clerk.sign_in_as_staff()
    path = "/staff/residents/new"
    for typed, words in (
        (child("23/11/2012"), "Enter the account number of the guardian, or their name"),
        (child("23/11/2012", guardian_number="123456789"), "No account has this number"),
        (child("23/11/2012", guardian_name="Ann Weald"), "Select what makes them the guardian"),
        (child("23/11/1990", guardian_name="Ann Weald"), "Select what makes them the guardian"),
    ):
        answer = send(clerk, path, **typed)
        assert answer.status_code == UNPROCESSABLE
        assert words in answer.text
        assert 'value="Kit"' in answer.text
    done = send(
        clerk, path, **child("23/11/2012", guardian_name="Ann Weald", guardian_basis="parent")
    )
    assert done.status_code == SEE_OTHER
    record = clerk.get(done.headers["location"]).text
    assert "Ann Weald" in record
    assert "parent" in record
    UUID(done.headers["location"].split("/")[3].split("?")[0])


def test_a_likely_duplicate_is_told_to_staff_and_to_nobody_else(live: LiveServer) -> None:
    name = {"given_names": "Philippa", "family_name": "Oast"}
    live.register(msgspec.structs.replace(JEAN, **name, email=""))
    visitor, born = begin(live, "philippa@example.com"), ("31", "7", "1960")
    date = dict(zip(ANSWERS["birth-date"], born, strict=True))
    for step, typed in {**ANSWERS, "name": name, "birth-date": date}.items():
        send(visitor, f"/register/{step}", **typed)
    assert send(visitor, "/register/check").headers["location"] == "/account/welcome"
    other = answered(live, "somebody.else@example.com")
    assert send(other, "/register/check").headers["location"] == "/account/welcome"
    told = [without_what_differs(each.get("/account/welcome").text) for each in (visitor, other)]
    assert told[0] == told[1]
    assert "If you registered at a desk before" in told[0]
    live.compare_new_accounts()
    boss = Visitor(live)
    boss.sign_in_as(live.add_staff(StaffRole.SUPERVISOR, "boss"))
    queue = boss.get("/staff/requests").text
    action = re.search(r'Philippa.*?action="(/staff/duplicates/[^"]+)"', queue, re.DOTALL)
    assert action is not None
    form = {"csrf_token": boss.token("/staff/requests")}
    nothing = boss.post(action[1], form)
    assert "Select what you found" in boss.get(nothing.headers["location"]).text
    done = boss.post(action[1], {**form, "outcome": "same-person"})
    assert "cannot be signed in to" in boss.get(done.headers["location"]).text
    assert "Philippa" not in boss.get("/staff/requests").text
    assert "You have been signed out" in visitor.get("/account").text
