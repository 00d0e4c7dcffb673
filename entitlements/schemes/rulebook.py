"""A rule book: every rule file and table that decisions rest on, as texts and as what they say.

The same texts are always the same book, whose digest names it: a decision that stores the digest
can be made again with the rules it was made with.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from entitlements.errors import SchemesFaulty
from entitlements.facts import FACT_WORDS
from entitlements.schemes.authorities import Authorities, authorities_in
from entitlements.schemes.conditions import FedFact, OwnWord, Shelf
from entitlements.schemes.csvfiles import Row, rows_of
from entitlements.schemes.pension import pension_table
from entitlements.schemes.rule import Scheme
from entitlements.schemes.rulefiles import read_scheme
from entitlements.schemes.tomlfile import TomlFile

BUILT_IN: Final = Path(__file__).parent
AUTHORITIES: Final = "authorities.toml"
PENSION: Final = "state_pension_age.csv"
EVIDENCE: Final = "evidence_kinds.csv"
FACTS: Final = "facts.csv"
TABLES: Final = (PENSION, EVIDENCE, FACTS)
FILE_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\.toml")
"""What a rule file may be called: like its scheme."""
_OWN_WORD: Final = "own_word"
_OFFICER: Final = "officer"
_TYPES: Final[Mapping[str, type]] = {"yes-no": bool, "pence": int}


class RuleBook(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules are, all together.

    Attributes:
        texts: file name to text.
        digest: 64 hexadecimal digits; the same for the same texts.
        schemes: by id, in order.
        authorities: who issues where.
        evidence_words: what each kind of evidence is called when a resident is asked for it.
        fact_words: what each fact is called when a resident is asked for it.
        fed: the facts that others tell us.
    """

    texts: Mapping[str, str]
    digest: str
    schemes: Mapping[str, Scheme]
    authorities: Authorities
    evidence_words: Mapping[str, str]
    fact_words: Mapping[str, str]
    fed: Mapping[str, FedFact]


def texts_of(directory: Path = BUILT_IN) -> Mapping[str, str]:
    """The texts of a directory: a `.toml` file for each scheme, `authorities.toml` and `tables/`.

    Raises:
        SchemesFaulty: a file cannot be read, a table is missing, or there is no rule file.
    """
    paths = sorted(directory.glob("*.toml"))
    if all(path.name == AUTHORITIES for path in paths):
        raise SchemesFaulty([f"{directory.name}: there are no rule files here"])
    texts: dict[str, str] = {}
    faults = []
    for path in (*paths, *(directory / "tables" / name for name in TABLES)):
        try:
            texts[path.name] = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            faults.append(f"{path.name}: there is no such table")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            faults.append(f"{path.name}, line 1, column 1: cannot be read: {why}")
    if faults:
        raise SchemesFaulty(faults)
    return texts


def open_book(texts: Mapping[str, str]) -> RuleBook:
    """What the texts say.

    Raises:
        SchemesFaulty: every fault in every rule file, with file, line and column. Faults in the
            tables or in `authorities.toml` are reported first and alone, since rules rest on them.
    """
    shelf = _shelf(texts)
    rows = rows_of(EVIDENCE, _text(texts, EVIDENCE))
    return RuleBook(
        texts=texts,
        digest=digest_of(texts),
        schemes=_schemes(texts, shelf),
        authorities=shelf.authorities,
        evidence_words={row.text("kind"): row.text("words") for row in rows},
        fact_words={**FACT_WORDS, **{name: fact.words for name, fact in shelf.fed.items()}},
        fed=shelf.fed,
    )


@cache
def built_in_book() -> RuleBook:
    """The book that comes with the software, read once."""
    return open_book(texts_of())


def load_schemes(directory: Path = BUILT_IN) -> Mapping[str, Scheme]:
    """Every scheme of a directory, by id.

    Raises:
        SchemesFaulty: as `texts_of` and `open_book`.
    """
    return open_book(texts_of(directory)).schemes


def text_digest(text: str) -> str:
    """What names one text: SHA-256 of its UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(texts: Mapping[str, str]) -> str:
    """What names a book: SHA-256 over its files' names and digests, in order of name."""
    lines = [f"{text_digest(texts[name])}  {name}\n" for name in sorted(texts)]
    return text_digest("".join(lines))


def _shelf(texts: Mapping[str, str]) -> Shelf:
    evidence = rows_of(EVIDENCE, _text(texts, EVIDENCE))
    return Shelf(
        authorities=authorities_in(TomlFile(AUTHORITIES, _text(texts, AUTHORITIES))),
        pension=pension_table(PENSION, rows_of(PENSION, _text(texts, PENSION))),
        evidence=_kinds(evidence),
        fed=_fed(rows_of(FACTS, _text(texts, FACTS))),
        schemes={},
    )


def _text(texts: Mapping[str, str], name: str) -> str:
    try:
        return texts[name]
    except KeyError:
        raise SchemesFaulty([f"{name}: there is no such file"]) from None


def _kinds(rows: Sequence[Row]) -> Mapping[str, str]:
    kinds = {row.text("kind"): row.text("counts_as") for row in rows}
    faults = [*_twice(rows, "kind")]
    faults += [
        f"{row.place}: there is no kind of evidence '{row.text('counts_as')}' to count as"
        for row in rows
        if row.text("counts_as") and row.text("counts_as") not in kinds
    ]
    if faults:
        raise SchemesFaulty(faults)
    return kinds


def _twice(rows: Sequence[Row], key: str) -> Iterator[str]:
    seen: set[str] = set()
    for row in rows:
        if row.text(key) in seen:
            yield f"{row.place}: '{row.text(key)}' is there twice"
        seen.add(row.text(key))


def _fed(rows: Sequence[Row]) -> Mapping[str, FedFact]:
    faults = [*_twice(rows, "fact")]
    faults += [
        f"{row.place}: '{row.text('type')}' is no type; there are {', '.join(_TYPES)}"
        for row in rows
        if row.text("type") not in _TYPES
    ]
    faults += [
        f"{row.place}: '{row.text('fact')}' is a fact of its own already"
        for row in rows
        if row.text("fact") in FACT_WORDS
    ]
    faults += [
        f"{row.place}: '{row.cells[_OWN_WORD]}' is not what somebody's own word can be worth; "
        f"it is {' or '.join(filter(None, OwnWord))}, or empty"
        for row in rows
        if row.cells.get(_OWN_WORD, "") not in set(OwnWord)
    ]
    faults += [
        f"{row.place}: '{row.cells[_OFFICER]}' is not yes or empty: whether an officer may tell it"
        for row in rows
        if row.cells.get(_OFFICER, "") not in {"", "yes"}
    ]
    faults += [
        f"{row.place}: an officer tells only what is yes or no; '{row.text('fact')}' is not"
        for row in rows
        if row.cells.get(_OFFICER, "") == "yes" and row.text("type") != "yes-no"
    ]
    if faults:
        raise SchemesFaulty(faults)
    return {row.text("fact"): _fed_fact(row) for row in rows}


def _fed_fact(row: Row) -> FedFact:
    # Books that were kept before residents or officers were asked anything have no such columns.
    own_word = OwnWord(row.cells.get(_OWN_WORD, ""))
    by_officer = row.cells.get(_OFFICER, "") == "yes"
    return FedFact(_TYPES[row.text("type")], row.text("words"), own_word, by_officer)


def _schemes(texts: Mapping[str, str], shelf: Shelf) -> Mapping[str, Scheme]:
    names = sorted(name for name in texts if name.endswith(".toml") and name != AUTHORITIES)
    files = [TomlFile(name, texts[name]) for name in names]
    schemes = _read_in_order(files, shelf)
    faults = sorted(fault for file in files for fault in file.faults)
    if faults:
        raise SchemesFaulty(str(fault) for fault in faults)
    return {id_: schemes[id_] for id_ in sorted(schemes)}


def _read_in_order(files: Sequence[TomlFile], shelf: Shelf) -> Mapping[str, Scheme]:
    """Reads each file after the schemes it names; a ring of them is a fault."""
    waiting = {file.name.removesuffix(".toml"): file for file in files if not file.faults}
    schemes: dict[str, Scheme] = {}
    while waiting:
        ready = [name for name, file in waiting.items() if not _names(file) & waiting.keys()]
        if not ready:
            ring = ", ".join(waiting)
            for file in waiting.values():
                file.fault((), f"these schemes wait for each other: {ring}")
            break
        for name in ready:
            schemes[name] = read_scheme(waiting.pop(name), replace(shelf, schemes=schemes))
    return schemes


def _names(file: TomlFile) -> set[str]:
    """The schemes a file's conditions name, however deep."""
    found: set[str] = set()
    waiting: list[object] = [file.document.get("rule")]
    while waiting:
        match waiting.pop():
            case dict() as table:
                named = table.get("scheme")
                found |= {named} if isinstance(named, str) else set()
                waiting.extend(table.values())
            case list() as each:
                waiting.extend(each)
            case _:
                pass
    return found
