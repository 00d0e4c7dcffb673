import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("generate_documents", DOCS / "generate.py")
assert SPEC is not None
assert SPEC.loader is not None
generate = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(generate)


@pytest.mark.parametrize("document", sorted(generate.DOCUMENTS))
def test_a_generated_document_says_what_the_code_does(document: str) -> None:
    assert (DOCS / document).read_text(encoding="utf-8") == generate.DOCUMENTS[document]()
