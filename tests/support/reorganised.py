"""The built-in rules in a county that is reorganised on 1 April 2028, as data alone can say it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from entitlements.schemes.rule import Scheme
from entitlements.schemes.rulebook import BUILT_IN, load_schemes

AREA = """
[[areas]]
id = "kent"
name = "Kent"
from = 2028-04-01
districts = ["E07000105", "E07000108", "E07000110", "E07000112", "E07000115"]

[[areas]]
id = "north-kent"
name = "North Kent"
from = 2028-04-01
districts = ["E07000107", "E07000109"]

[[authorities]]
id = "new-kent-council"
name = "New Kent Council"
area = "kent"
from = 2028-04-01
travel_start = 09:00:00
travel_end = 23:30:00
card_expiry = { day = 2029-06-30, every_years = 2 }
"""

ENDS = "effective_from = 2010-04-06\neffective_to = 2029-12-31\n"


def copy_of_the_rules(directory: Path) -> Path:
    """The built-in rule files and tables, to change at will."""
    copy = directory / "schemes"
    shutil.copytree(BUILT_IN, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return copy


def reorganised(directory: Path) -> Mapping[str, Scheme]:
    """Kent loses seven districts; the pass gets a second version that ends in 2036."""
    copy = copy_of_the_rules(directory)
    authorities = (copy / "authorities.toml").read_text(encoding="utf-8")
    ended = authorities.replace("from = 1974-04-01\n", "from = 1974-04-01\nuntil = 2028-03-31\n")
    (copy / "authorities.toml").write_text(ended + AREA, encoding="utf-8")
    older = (copy / "travel-older.toml").read_text(encoding="utf-8")
    head, rule = older.split("[[rule]]\n")
    second = (
        rule.replace('version = "1"', 'version = "2"')
        .replace(
            "effective_from = 2010-04-06", "effective_from = 2030-01-01\neffective_to = 2036-12-31"
        )
        .replace("months = 60", "months = 24")
    )
    first = rule.replace("effective_from = 2010-04-06\n", ENDS)
    (copy / "travel-older.toml").write_text(
        f"{head}[[rule]]\n{first}\n[[rule]]\n{second}", encoding="utf-8"
    )
    return load_schemes(copy)
