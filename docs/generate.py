"""The documents that are made from the code: ``make docs``. A test keeps them true."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from docs.generators import (  # noqa: E402  (run as a file, the project is not on the path)
    asvs,
    cards,
    configuration,
    errors,
    retention,
    roles,
    schemes,
)
from readers.card.describe import card_format  # noqa: E402  (as above)

DOCUMENTS: Mapping[str, Callable[[], str]] = {
    "asvs.md": asvs.asvs,
    "card-format.md": card_format,
    "cards.md": cards.cards,
    "configuration.md": configuration.configuration,
    "errors.md": errors.errors,
    "retention.md": retention.retention,
    "roles.md": roles.roles,
    "schemes.md": schemes.schemes,
}


if __name__ == "__main__":
    for document, made in DOCUMENTS.items():
        (HERE / document).write_text(made(), encoding="utf-8")
        sys.stdout.write(f"docs/{document}\n")
