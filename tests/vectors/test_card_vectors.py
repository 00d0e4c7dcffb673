"""Every published or recorded vector, against our procedures and against the virtual card.

The two halves share primitives only. Transaction MAC files are not used on a Kent Card; their
vectors hold AES-CMAC to account. The EV1 vectors have the card's half only, for our procedures
speak EV2; a library that is not ours speaks EV1 to the card in another test.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from readers.card.apdu import CommandApdu, run
from readers.card.authentication import (
    authenticate_ev2_first,
    authenticate_ev2_non_first,
    authenticate_factory_des,
    replace_factory_key,
)
from readers.card.codes import CommMode
from readers.card.crypto import (
    SessionKeys,
    cmac,
    cmac_subkeys,
    command_iv,
    crc32,
    decrypt,
    decrypt_des,
    encrypt,
    response_iv,
    session_keys,
)
from readers.card.itso import check_digit, crc_b
from readers.card.keys import KeyAt, diversify
from readers.card.layout import KENT_AID
from readers.card.procedures import (
    change_key,
    change_own_key,
    create_application,
    create_standard_file,
    get_card_uid,
    get_key_version,
    select_application,
    write_data,
)
from readers.card.secure import SecureSession
from readers.virtual.card import VirtualCard
from readers.virtual.filesystem import Cipher
from readers.virtual.messaging import CountedSession, Expected, RunningSession
from tests.support.cards import UID, Recording, Transcript, chosen

Values = dict[str, Any]
Vector = tuple[Values, Values]

FILE: dict[str, Any] = json.loads(Path(__file__).with_name("card-vectors.json").read_text())
BY_ID: dict[str, Vector] = {v["id"]: (v["input"], v["expected"]) for v in FILE["vectors"]}
BY_KIND: dict[str, list[str]] = {}
for _vector in FILE["vectors"]:
    BY_KIND.setdefault(_vector["kind"], []).append(_vector["id"])

tested_kinds: set[str] = set()
ALL_FREE = 0x0F


def of_kind(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test for every vector of a kind, handing it input and expected values."""
    tested_kinds.add(kind)
    params = [pytest.param(*BY_ID[name], id=name) for name in BY_KIND[kind]]
    return pytest.mark.parametrize(("given", "expected"), params)


def h(text: str) -> bytes:
    return bytes.fromhex(text)


def wrapped(native: str) -> str:
    """A native frame as a command over PC/SC."""
    frame = h(native)
    return CommandApdu(frame[0], frame[1:]).to_bytes().hex()


# -- primitives -----------------------------------------------------------------------------------


@of_kind("aes-cmac-subkeys")
def test_the_subkeys_of_a_cmac(given: Values, expected: Values) -> None:
    k1, k2 = cmac_subkeys(h(given["key"]))
    assert (k1.hex(), k2.hex()) == (expected["k1"], expected["k2"])


@of_kind("aes-cmac")
def test_a_cmac(given: Values, expected: Values) -> None:
    assert cmac(h(given["key"]), h(given["msg"])).hex() == expected["mac"]


@of_kind("an10922-aes128")
def test_a_diversified_key(given: Values, expected: Values) -> None:
    key, message = h(given["master_key"]), h(given["div_input"])
    assert diversify(key, message).hex() == expected["diversified_key"]
    assert cmac(key, h(expected["d"])).hex() == expected["diversified_key"]


@of_kind("ev2-session-keys")
def test_the_keys_of_an_ev2_session(given: Values, expected: Values) -> None:
    keys = session_keys(h(given["key"]), h(given["rnd_a"]), h(given["rnd_b"]))
    assert keys.enc.hex() == expected["ses_auth_enc"]
    assert keys.mac.hex() == expected["ses_auth_mac"]


@of_kind("ev2-iv")
def test_an_iv_of_an_ev2_command(given: Values, expected: Values) -> None:
    assert given["direction"] == "command"
    iv = command_iv(h(given["ses_auth_enc"]), h(given["ti"]), given["cmd_ctr"])
    assert iv.hex() == expected["iv"]


@of_kind("ev2-full-response-decrypt")
def test_an_enciphered_ev2_answer(given: Values, expected: Values) -> None:
    key = h(given["ses_auth_enc"])
    iv = response_iv(key, h(given["ti"]), given["cmd_ctr"])
    assert decrypt(key, h(given["cipher"]), iv).hex() == expected["plain"]


@of_kind("desfire-crc32")
def test_a_checksum(given: Values, expected: Values) -> None:
    assert crc32(h(given["data"])).hex() == expected["crc"]


@of_kind("transaction-mac-session-keys")
def test_a_cmac_over_a_transaction_counter(given: Values, expected: Values) -> None:
    key, uid = h(given["app_transaction_mac_key"]), h(given["uid"])
    counter = int(given["tmc_used"].split()[0], 16).to_bytes(4, "little")
    assert cmac(key, h("5A00010080") + counter + uid).hex() == expected["ses_tm_mac"]
    assert cmac(key, h("A500010080") + counter + uid).hex() == expected["ses_tm_enc"]


@of_kind("itso-isrn-luhn")
def test_the_check_digit_of_an_isrn(given: Values, expected: Values) -> None:
    assert check_digit(given["isrn17"]) == expected["check_digit"]


@of_kind("itso-crc-b")
def test_the_checksum_of_a_shell(given: Values, expected: Values) -> None:
    assert crc_b(h(given["data"])).hex() == expected["crc"]


# -- EV2, our procedures --------------------------------------------------------------------------


@of_kind("ev2-first-transcript")
def test_our_procedure_opens_the_recorded_session(given: Values, expected: Values) -> None:
    card = Transcript((given["c_apdu1"], given["r_apdu1"]), (expected["c_apdu2"], given["r_apdu2"]))
    rnd_a = chosen(h(given["rnd_a"]))
    opened = authenticate_ev2_first(given["key_no"], h(given["key"]), random=rnd_a)
    session = run(opened, card)
    assert (session.ti.hex(), session.counter) == (expected["ti"], 0)
    assert keys_of(session) == (expected["ses_auth_enc"], expected["ses_auth_mac"])


@of_kind("ev2-nonfirst-transcript")
def test_our_procedure_goes_on_under_the_recorded_key(given: Values, expected: Values) -> None:
    card = Transcript((given["c_apdu1"], given["r_apdu1"]), (expected["c_apdu2"], given["r_apdu2"]))
    before = SecureSession(3, SessionKeys(bytes(16), bytes(16)), b"\1\2\3\4", 7)
    rnd_a = chosen(h(given["rnd_a"]))
    goes_on = authenticate_ev2_non_first(before, given["key_no"], h(given["key"]), random=rnd_a)
    session = run(goes_on, card)
    assert (session.ti, session.counter) == (b"\1\2\3\4", 7)
    assert keys_of(session) == (expected["ses_auth_enc"], expected["ses_auth_mac"])


def keys_of(session: SecureSession) -> tuple[str, str]:
    """The keys a session works with, which it otherwise tells nobody."""
    keys: SessionKeys = vars(session)["_keys"]
    return keys.enc.hex(), keys.mac.hex()


@of_kind("ev2-mac")
def test_our_session_makes_and_checks_the_recorded_mac(given: Values, expected: Values) -> None:
    keys = SessionKeys(bytes(16), h(given["ses_auth_mac"]))
    ti, counter, data, mac = h(given["ti"]), given["cmd_ctr"], h(given["data"]), expected["mact"]
    if given["code"] == "00":
        session = SecureSession(0, keys, ti, counter - 1)
        assert session.open(data + h(mac), CommMode.MACED) == data
    else:
        session = SecureSession(0, keys, ti, counter)
        sealed = session.seal(h(given["code"])[0], data, b"", CommMode.MACED)
        assert sealed == data + h(mac)


def full_session(given: Values) -> SecureSession:
    keys = SessionKeys(h(given["ses_auth_enc"]), h(given["ses_auth_mac"]))
    return SecureSession(0, keys, h(given["ti"]), given["cmd_ctr"])


@pytest.mark.parametrize("name", ["an12196-full-writendef", "an12196-full-write10"])
def test_our_procedure_writes_the_recorded_command(name: str) -> None:
    given, expected = BY_ID[name]
    card = Transcript((expected["c_apdu"], given["r_apdu"]))
    writes = write_data(
        full_session(given), h(given["header"])[0], 0, h(given["data"]), mode=CommMode.FULL
    )
    run(writes, card)


def test_our_procedure_reads_the_recorded_uid() -> None:
    given, expected = BY_ID["an12196-getcarduid"]
    card = Transcript((expected["c_apdu"], given["r_apdu"]))
    assert run(get_card_uid(full_session(given)), card).hex() == expected["resp_plain"]


def test_our_procedure_changes_another_key_as_recorded() -> None:
    given, expected = BY_ID["an12196-changekey-other"]
    data = h(given["data"])
    new = KeyAt(data[:16], data[16])
    card = Transcript((expected["c_apdu"], given["r_apdu"]))
    run(change_key(full_session(given), h(given["header"])[0], new, old=bytes(16)), card)


def test_our_procedure_changes_its_own_key_as_recorded() -> None:
    given, expected = BY_ID["an12196-changekey-same"]
    data = h(given["data"])
    card = Transcript((expected["c_apdu"], "9100"))
    new = KeyAt(data[:16], data[16])
    run(change_own_key(full_session(given), new, key_no=0), card)


# -- EV2, the virtual card ------------------------------------------------------------------------


def card_with_files(*challenges: bytes) -> VirtualCard:
    """A card with an application of five zero keys, and a file for key 0 and one for key 3."""
    card = VirtualCard(UID, rnd=chosen(*challenges))
    run(create_application(None, KENT_AID, key_settings=ALL_FREE, key_count=5), card)
    run(select_application(KENT_AID), card)
    for number, access in ((2, 0x0000), (3, 0x3333)):
        run(create_standard_file(None, number, mode=CommMode.FULL, access=access, size=256), card)
    return card


def exchanged(card: VirtualCard, command: str) -> str:
    return card.transmit(h(command)).hex()


def test_the_card_answers_the_first_recorded_session_byte_by_byte() -> None:
    auth, opened = BY_ID["an12196-ev2first-key0"]
    write, sent = BY_ID["an12196-full-writendef"]
    assert (opened["ses_auth_mac"], opened["ti"]) == (
        write["ses_auth_mac"].lower(),
        write["ti"].lower(),
    )
    card = card_with_files(h(opened["rnd_b"]), h(opened["ti"]))
    assert exchanged(card, auth["c_apdu1"]) == auth["r_apdu1"].lower()
    assert exchanged(card, opened["c_apdu2"]) == auth["r_apdu2"].lower()
    assert exchanged(card, sent["c_apdu"]) == write["r_apdu"].lower()


def test_the_card_answers_the_second_recorded_session_byte_by_byte() -> None:
    auth, opened = BY_ID["an12196-ev2first-key3"]
    write, sent = BY_ID["an12196-full-write10"]
    again, reopened = BY_ID["an12196-ev2nonfirst-key0"]
    other, sent_other = BY_ID["an12196-changekey-other"]
    _own, sent_own = BY_ID["an12196-changekey-same"]
    card = card_with_files(h(opened["rnd_b"]), h(opened["ti"]), h(reopened["rnd_b"]))
    assert exchanged(card, auth["c_apdu1"]) == auth["r_apdu1"].lower()
    assert exchanged(card, opened["c_apdu2"]) == auth["r_apdu2"].lower()
    assert exchanged(card, sent["c_apdu"]) == write["r_apdu"].lower()
    assert exchanged(card, again["c_apdu1"]) == again["r_apdu1"].lower()
    assert exchanged(card, reopened["c_apdu2"]) == again["r_apdu2"].lower()
    # The note counts one more command here, which is not among the vectors.
    keys = SessionKeys(h(reopened["ses_auth_enc"]), h(reopened["ses_auth_mac"]))
    run(get_key_version(SecureSession(0, keys, h(opened["ti"]), 1), 0), card)
    assert exchanged(card, sent_other["c_apdu"]) == other["r_apdu"].lower()
    assert exchanged(card, sent_own["c_apdu"]) == "9100"
    assert run(get_key_version(None, 2), card) == h(other["data"])[16]


@of_kind("ev2-mac")
def test_the_card_makes_and_checks_the_recorded_mac(given: Values, expected: Values) -> None:
    keys = SessionKeys(bytes(16), h(given["ses_auth_mac"]))
    session = CountedSession(0, keys, h(given["ti"]), given["cmd_ctr"])
    data, sealed = h(given["data"]), h(given["data"]) + h(expected["mact"])
    if given["code"] == "00":
        assert session.answer(data, CommMode.MACED) == sealed
    else:
        carried = Expected(len(data), CommMode.MACED)
        assert session.accept(h(given["code"])[0], sealed, carried) == (data, b"")


@of_kind("ev2-full")
def test_the_card_opens_and_answers_the_recorded_command(given: Values, expected: Values) -> None:
    keys = SessionKeys(h(given["ses_auth_enc"]), h(given["ses_auth_mac"]))
    session = CountedSession(0, keys, h(given["ti"]), given["cmd_ctr"])
    header, data = h(given["header"]), h(given["data"])
    carried = Expected(len(header), CommMode.FULL if data else CommMode.MACED, len(data))
    payload = h(expected["c_apdu"])[5:-1]
    assert session.length(carried) == len(payload)
    assert session.accept(h(given["cmd"])[0], payload, carried) == (header, data)
    if "r_apdu" in given:
        plain = h(expected.get("resp_plain", ""))
        mode = CommMode.FULL if plain else CommMode.MACED
        assert session.answer(plain, mode) == h(given["r_apdu"])[:-2]


# -- EV1 and the factory's DES --------------------------------------------------------------------


@of_kind("ev1-aes-auth")
def test_the_card_answers_a_real_cards_ev1_session(given: Values, expected: Values) -> None:
    card = VirtualCard(UID, rnd=chosen(h(expected["rnd_b"])))
    run(create_application(None, KENT_AID, key_settings=0x09, key_count=1), card)
    run(select_application(KENT_AID), card)
    assert exchanged(card, given["c1"]) == given["r1"]
    assert exchanged(card, expected["c2"]) == given["r2"]
    for name in BY_KIND["ev1-cmac-running"]:
        message, answered = BY_ID[name]
        data = message["response_data"] + answered["cmac"]
        assert exchanged(card, message["command"]) == message["status"] + data


tested_kinds.add("ev1-cmac-running")


def test_the_card_runs_its_mac_on_from_the_messages_before() -> None:
    recorded = [BY_ID[name] for name in BY_KIND["ev1-cmac-running"]]
    session = RunningSession(0, Cipher.AES, h(recorded[0][0]["session_key"]))
    for given, expected in recorded:
        command, data = h(given["command"]), h(given["response_data"])
        session.accept(command[0], command[1:], Expected(len(command) - 1, CommMode.PLAIN))
        assert session.answer(data, CommMode.PLAIN) == data + h(expected["cmac"])


@of_kind("ev1-changekey")
def test_the_card_opens_a_real_cards_ev1_key_change(given: Values, expected: Values) -> None:
    session = RunningSession(0, Cipher.AES, h(given["session_key"]))
    frame = h(expected["command"])
    carried = Expected(1, CommMode.FULL, 17)
    new = h(given["new_key"]) + h(given["key_version"])
    assert session.accept(frame[0], frame[1:], carried) == (bytes([given["key_no"]]), new)
    sealed = encrypt(h(given["session_key"]), h(expected["plaintext"]), h(given["iv"]))
    assert sealed == frame[2:]


@of_kind("factory-des-to-aes")
def test_both_sides_turn_a_real_cards_des_key_into_aes(given: Values, expected: Values) -> None:
    key = h(given["des_key"])
    card = VirtualCard.load(
        factory_card_with(key), rnd=chosen(decrypt_des(key, h(given["r1"])[1:]))
    )
    channel = Recording(card)
    session_key = run(authenticate_factory_des(key, random=chosen(h(given["rnd_a"]))), channel)
    assert session_key.hex() == expected["session_des_key"]
    change = replace_factory_key(session_key, KeyAt(h(given["new_aes_key"]), 1))
    (_, challenge), (token, _) = channel.pairs
    assert challenge.hex() == given["r1"][2:] + "91af"
    assert [command.hex() for command, _ in channel.pairs] == [
        wrapped(given["c1"]),
        wrapped(expected["c2"]),
    ]
    assert token.hex() == wrapped(expected["c2"])
    run(change, channel)
    assert run(get_key_version(None, 0), card) == 1


def test_our_procedure_changes_the_factory_key_as_recorded() -> None:
    given, expected = BY_ID["desox-picc-key-des-to-aes"]
    new = KeyAt(h(given["new_aes_key"]), h(given["key_version"])[0])
    card = Transcript((wrapped(expected["changekey_command"]), "9100"))
    run(replace_factory_key(h(expected["session_des_key"]), new), card)


def test_the_card_takes_the_recorded_factory_key_change() -> None:
    given, expected = BY_ID["desox-picc-key-des-to-aes"]
    key = h(given["des_key"])
    rnd_b = decrypt_des(key, h(given["r1"])[1:])
    card = VirtualCard.load(factory_card_with(key), rnd=chosen(rnd_b, bytes(16)))
    assert exchanged(card, given["c1"]) == given["r1"]
    assert exchanged(card, expected["c2"])[:2] == "00"
    assert exchanged(card, expected["changekey_command"]) == "00"
    answer = exchanged(card, "aa00")
    assert answer == "af" + encrypt(h(given["new_aes_key"]), bytes(16)).hex()


def factory_card_with(des_key: bytes) -> object:
    dumped: Any = VirtualCard(UID).dump()
    dumped["applications"]["000000"]["keys"][0]["value"] = base64.b64encode(des_key).decode()
    return dumped


# -- completeness ---------------------------------------------------------------------------------


def test_no_kind_of_vector_is_left_out() -> None:
    assert tested_kinds == set(BY_KIND)
    assert sum(map(len, BY_KIND.values())) == FILE["count"] == 43
