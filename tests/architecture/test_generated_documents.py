from pathlib import Path

from readers.card.describe import card_format

DOCS = Path(__file__).parents[2] / "docs"


def test_the_card_format_document_says_what_the_code_does() -> None:
    assert (DOCS / "card-format.md").read_text() == card_format()
