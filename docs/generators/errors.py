"""docs/errors.md."""

import importlib
import inspect

from docs.generators.docstrings import summary
from readers.contract.reasons import TRY_AGAIN, WORDS, Reason

ERROR_MODULES = (
    ("identity", "identity.errors"),
    ("entitlements", "entitlements.errors"),
    ("cardservice", "cardservice.errors"),
    ("cardservice, pages", "cardservice.web.errors"),
    ("readers", "readers.errors"),
    ("readers, terminal", "readers.terminal.errors"),
    ("readers, venues", "readers.verify.errors"),
    ("readers, virtual cards and readers", "readers.virtual.errors"),
)


def errors() -> str:
    """docs/errors.md."""
    reasons = "\n".join(
        f"| `{reason}` | {'try again' if reason in TRY_AGAIN else 'refused'} | "
        f"{WORDS[reason].title} | {WORDS[reason].advice} |"
        for reason in Reason
    )
    trees = "\n\n".join(f"### {name}\n\n{_tree(module)}" for name, module in ERROR_MODULES)
    return f"""# Reasons and errors

Generated from the code (`make docs`); a test keeps it true. Codes are permanent.

## Why a tap was not simply accepted

Screens, uploads, staff pages and partners use the same reason and the same words. *Try again* says
nothing about the holder.

| reason | answer | on the screen | what to do |
|---|---|---|---|
{reasons}

## Errors

The HTTP interface answers with a problem (RFC 9457) whose type ends with the code.

{trees}
"""


def _tree(module: str) -> str:
    found = [
        error
        for _, error in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if issubclass(error, Exception) and error.__module__ == module
    ]
    found.sort(key=_line)
    rows = "\n".join(f"| `{error.code}` | {summary(error)} |" for error in found)
    return f"| code | meaning |\n|---|---|\n{rows}"


def _line(error: type) -> int:
    return inspect.getsourcelines(error)[1]
