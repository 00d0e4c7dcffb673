"""The styles and scripts as they are built."""

import json
import re
from pathlib import Path

import pytest

from cardservice.web import assets
from cardservice.web.assets import BUILT, NotBuilt, asset, read_manifest
from cardservice.web.frontend import build as frontend

HERE = Path(frontend.__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    frontend.build()


def test_building_again_does_nothing() -> None:
    assert frontend.build() is False


def test_names_change_with_content_and_nothing_else_is_left() -> None:
    files = read_manifest().files
    scripts = {"kent.js", "govuk-frontend.js", "making.js", "passkeys.js", "phone.js", "photo.js"}
    developers = {"developers.js", "swagger-ui.css", "swagger-ui.js"}
    assert set(files) == {"kent.css", "icon.svg", *scripts, *developers}
    assert {path.name for path in BUILT.iterdir()} == {*files.values(), "manifest.json"}
    assert re.fullmatch(r"/static/built/kent-[0-9a-f]{12}\.css", asset("kent.css"))


def test_nothing_built_leads_elsewhere_or_to_the_crown_or_its_fonts() -> None:
    swagger = read_manifest().files["swagger-ui.js"]
    for name in read_manifest().files.values():
        text = (BUILT / name).read_text(encoding="utf-8")
        assert "GDS Transport" not in text
        assert "crest" not in text
        assert "sourceMappingURL" not in text
        if name == swagger:  # it speaks of sites; a browser test sees that it fetches from none
            continue
        assert not re.search(r'url\((?!"?data:)|@import|@font-face', text)
        # The SVG namespace is a name, not an address; nothing else looks like one.
        assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}


def test_the_first_rule_survives_what_is_written_before_it() -> None:
    text = (BUILT / read_manifest().files["kent.css"]).read_text(encoding="utf-8")
    assert "\ufeff" not in text
    assert "@charset" not in text
    assert re.match(r"/\*!.*?\*/\s*:root\{--govuk-breakpoint-mobile", text)


def test_the_script_starts_the_library_that_was_built() -> None:
    files = read_manifest().files
    assert f"./{files['govuk-frontend.js']}" in (BUILT / files["kent.js"]).read_text()


def test_the_lock_names_no_registry_and_pins_what_was_tried() -> None:
    lock = (HERE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    packages = json.loads(lock)["packages"]
    assert packages["node_modules/govuk-frontend"]["version"] == "6.3.0"
    assert "://" not in (HERE / ".npmrc").read_text()


def test_our_colours_are_readable_on_what_they_stand_on() -> None:
    colours = dict(
        re.findall(r"\$(kent-[\w-]+): (#[0-9a-f]{6});", (HERE / "kent.scss").read_text())
    )
    white = "#ffffff"
    for text, ground in (
        (white, colours["kent-green"]),
        (colours["kent-green"], white),
        (colours["kent-green"], colours["kent-green-pale"]),
        (colours["kent-green-dark"], white),
    ):
        assert contrast(text, ground) >= 4.5  # WCAG 2.2, 1.4.3


def test_pages_that_were_never_built_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "MANIFEST", tmp_path / "manifest.json")
    with pytest.raises(NotBuilt, match=re.escape("python -m cardservice.web.frontend.build")):
        read_manifest()


def contrast(one: str, other: str) -> float:
    """Contrast of two colours. Source: WCAG 2.2, definitions of contrast ratio and luminance."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
