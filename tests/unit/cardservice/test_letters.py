"""The letter that carries a card: one tagged page in any script it can set, with the face on it."""

from datetime import date
from io import BytesIO

import msgspec
import pikepdf
import pytest

from cardservice import letters, products
from cardservice.errors import NotReady
from cardservice.faces import Shown, face, inside
from cardservice.letters import Letter, as_pdf, can_write
from cardservice.products import KENT_CARD
from tests.support.files import photo

ON = date(2026, 11, 22)


def letter(name: str = "Jean O'Malley") -> Letter:
    product = products.built_in().product(KENT_CARD, ON)
    assert product is not None
    shown = Shown(
        name=name,
        photo=inside(photo((413, 531))),
        last_day=date(2031, 3, 31),
        number="29999000000017",
        code="123456",
    )
    return Letter(
        sender="Kent Card",
        written_on=ON,
        name=name,
        address=("1 Sessions Square", "Maidstone", "ME14 1XQ"),
        card=product.name,
        face=face(product, shown),
        good_for=("Library card",),
        what_to_do=("The card works now.",),
    )


def test_a_letter_is_one_page_with_a_language_a_title_and_its_fonts() -> None:
    with pikepdf.open(BytesIO(as_pdf(letter()))) as made:
        assert len(made.pages) == 1
        assert str(made.Root.Lang) == "en-GB"
        assert str(made.docinfo["/Title"]) == "Kent Card: letter to its holder"
        fonts = made.pages[0].Resources.Font
        for name in fonts.keys():  # noqa: SIM118  (no mapping)
            described = fonts[name].DescendantFonts[0].FontDescriptor
            assert "/FontFile2" in described  # embedded
        assert len(made.pages[0].get_images()) == 1


@pytest.mark.parametrize(
    "name", ["Zoë Łukasz Đặng", "Ἀλέξανδρος", "Дмитрий", "司馬相如", "A" * 90], ids=range(5)
)
def test_a_name_of_another_script_has_its_letters(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert can_write(name)
    assert as_pdf(letter(name)).startswith(b"%PDF-")
    assert "missing the following glyphs" not in caplog.text


@pytest.mark.parametrize("name", ["محمد", "משה", "अनिता", "မြတ်"], ids=range(4))
def test_a_name_that_would_be_set_wrongly_is_not_set(name: str) -> None:
    assert not can_write(name)


def test_without_its_fonts_a_letter_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letters, "_BOLD", letters.FONTS / "nowhere.ttf")
    with pytest.raises(NotReady, match="fonts-dejavu-core"):
        as_pdf(letter())


def test_what_is_no_face_is_not_drawn_halfway() -> None:
    odd = msgspec.structs.replace(
        letter(), face='<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'
    )
    with pytest.raises(ValueError, match="script"):
        as_pdf(odd)
