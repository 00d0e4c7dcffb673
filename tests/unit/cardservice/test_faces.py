"""The face of a card: what its product says, in any script, and nothing that could act."""

from datetime import date
from xml.etree import ElementTree as ET

import pytest

from cardservice import products
from cardservice.faces import _PARTS, FUNDED, Shown, face, grouped, inside
from cardservice.products import KENT_CARD, Product

SVG = "{http://www.w3.org/2000/svg}"
ON = date(2026, 11, 22)
LONG = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh-Cholmondeley"


def product(name: str) -> Product:
    found = products.built_in().product(name, ON)
    assert found is not None
    return found


def drawn(product_id: str, **shown: object) -> ET.Element:
    fields = {"name": "Jean O'Malley", "last_day": date(2031, 3, 31)} | shown
    return ET.fromstring(face(product(product_id), Shown(**fields)))  # type: ignore[arg-type]  # noqa: S314  (our own)


def words(root: ET.Element) -> list[str]:
    return [text.text or "" for text in root.iter(f"{SVG}text")]


def test_everything_a_product_may_name_can_be_drawn() -> None:
    named = {part for each in products.built_in().products for part in each.face}
    assert named <= set(_PARTS)


def test_a_kent_card_shows_name_number_code_and_last_day() -> None:
    root = drawn(KENT_CARD, number="29999000000017", code="123456", photo=inside(b"jpeg"))
    assert words(root) == [
        "Kent Card",
        "Jean O'Malley",
        "2 9999 0000 00017",
        "Code 123456",
        "Expires 31 Mar 2031",
    ]
    (picture,) = root.iter(f"{SVG}image")
    assert picture.get("href") == "data:image/jpeg;base64,anBlZw=="


def test_the_travel_pass_shows_what_the_regulations_name_and_nothing_else() -> None:
    root = drawn(
        "travel-pass",
        number="29999000000017",
        code="123456",
        issuer="Kent County Council",
        strip="orange",
    )
    assert words(root) == [
        "Rose",
        "(bureau)",
        "Ribbon",
        "(bureau)",
        "Kent County Council",
        "Hologram",
        "(bureau)",
        "No photo",
        "Jean O'Malley",
        "ITSO mark",
        "(bureau)",
        "Expires 31 Mar 2031",
        FUNDED,
    ]
    assert "#e87722" in {each.get("fill") for each in root.iter(f"{SVG}rect")}


@pytest.mark.parametrize(
    "name",
    ['<script>alert("x")</script> & Sons', "Zo\x00ë\x1b", "]]>", 'a" onload="b', "\ud800"],
    ids=["markup", "control", "cdata", "attribute", "surrogate"],
)
def test_a_name_is_only_ever_text(name: str) -> None:
    root = drawn(KENT_CARD, name=name)
    kinds = {each.tag.removeprefix(SVG) for each in root.iter()}
    assert kinds <= {"svg", "title", "rect", "text", "image"}
    assert not {key for each in root.iter() for key in each.keys() if key.startswith("on")}  # noqa: SIM118


@pytest.mark.parametrize(
    "name",
    [LONG, f"{LONG} {LONG}", "司馬相如", "Ἀλέξανδρος Παπαδιαμάντης", "محمد بن سلمان", "A"],
    ids=["long", "two-long", "chinese", "greek", "arabic", "short"],
)
def test_a_name_in_any_script_fits_its_place(name: str) -> None:
    root = drawn(KENT_CARD, name=name)
    lines = [each for each in root.iter(f"{SVG}text") if each.get("font-weight") == "bold"][1:]
    assert " ".join(each.text or "" for each in lines) == name
    assert len(lines) <= 2
    for each in lines:
        assert float(each.get("x", 0)) + float(each.get("textLength", 0)) <= 856 - 20
        assert (
            each.get("textLength")
            or len(each.text or "") * float(each.get("font-size", 0)) * 0.58 <= 510
            or len(name) < 6
        )


def test_a_card_that_was_not_made_yet_has_no_number_and_no_code() -> None:
    assert words(drawn(KENT_CARD)) == [
        "Kent Card",
        "Jean O'Malley",
        "No photo",
        "Expires 31 Mar 2031",
    ]
    assert grouped("29999000000017") == "2 9999 0000 00017"
