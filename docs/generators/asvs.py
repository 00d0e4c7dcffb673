"""docs/asvs.md, from docs/asvs.toml."""

import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parents[1]
ASVS = "https://github.com/OWASP/ASVS/tree/v5.0.0_release/5.0/en"
VERDICTS = ("met", "partly", "gap", "not-applicable")
CHAPTERS = {
    "3": "Browsers",
    "4": "Requests and sockets",
    "6": "Signing in",
    "7": "Sessions",
    "8": "Rights",
    "9": "Signed tokens",
    "10": "OAuth and OpenID",
    "14": "Data",
    "16": "Logs and faults",
}
"""Of the ASVS, in a word or two of ours."""


def asvs() -> str:
    """docs/asvs.md, from docs/asvs.toml."""
    asked = tomllib.loads((HERE / "asvs.toml").read_text(encoding="utf-8"))["requirement"]
    of_chapter = {
        chapter: [each for each in asked if each["id"].split(".")[0] == chapter]
        for chapter in dict.fromkeys(each["id"].split(".")[0] for each in asked)
    }
    counts = "\n".join(
        f"| V{chapter} {CHAPTERS[chapter]} | {_counted(asked)} |"
        for chapter, asked in of_chapter.items()
    )
    chapters = "\n".join(
        f"\n## V{chapter} {CHAPTERS[chapter]}\n\n"
        "| number | level | what is asked, in our words | verdict | shown by, or why |\n"
        "|---|---|---|---|---|\n" + "\n".join(_requirement(each) for each in asked)
        for chapter, asked in of_chapter.items()
    )
    return f"""# OWASP ASVS 5.0.0, requirement by requirement

Generated from `docs/asvs.toml` (`make docs`); a test keeps it true, and fails when a named test
does not exist or a requirement is left out. Chapters 6, 7, 9 and 10 at all levels; 3, 4, 8, 14 and
16 up to level 2. Numbers and levels are the standard's; the words are ours and shorter: what counts
is the [text of release 5.0.0]({ASVS}) (OWASP Foundation, CC BY-SA 4.0), under the same number.

*partly*: something that is asked for is missing, and it says what. *gap*: it is not done.

| chapter | {" | ".join(VERDICTS)} | all |
|---|{"---|" * (len(VERDICTS) + 1)}
{counts}
| all | {_counted(asked)} |
{chapters}
"""


def _counted(asked: list[dict[str, Any]]) -> str:
    found = [sum(each["verdict"] == verdict for each in asked) for verdict in VERDICTS]
    return " | ".join(str(count) for count in (*found, len(asked)))


def _requirement(asked: dict[str, Any]) -> str:
    tests: dict[str, list[str]] = {}
    for named in asked.get("tests", ()):
        path, _, name = named.partition("::")
        tests.setdefault(path, []).append(name)
    shown = [f"`{path}`: {', '.join(names)}" for path, names in tests.items()]
    words = "<br>".join((*([asked["why"]] if "why" in asked else []), *shown))
    return f"| {asked['id']} | {asked['level']} | {asked['asks']} | {asked['verdict']} | {words} |"
