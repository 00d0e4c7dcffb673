"""docs/retention.md."""

from cardservice.holdings import HOLDINGS, NOT_OF_PEOPLE
from cardservice.holdings.holding import BASES, length_in_words
from cardservice.holdings.people import DECEASED_KEPT
from identity.grounds import EXCEPTIONS


def retention() -> str:
    """docs/retention.md."""
    rows = "\n".join(
        f"| `{each.table}` | {each.what} | {BASES[each.basis]} | {each.how_long()} | "
        f"{each.period.why if each.period else '–'} | {each.fate.value} | "
        f"{f'`{each.ground.value}`' if each.ground else '–'} |"
        for each in HOLDINGS
    )
    others = "\n".join(f"| `{table}` | {why} |" for table, why in NOT_OF_PEOPLE.items())
    grounds = "\n".join(
        f"| `{ground.value}` | {each.words} | {each.law} | {'yes' if each.whole_record else '–'} |"
        for ground, each in EXCEPTIONS.items()
    )
    return f"""# What is held, for how long, and what erasure does to it

Generated from the code (`make docs`); a test keeps it true. The privacy notice, a resident’s copy
of their data, `kentcard retention` and erasure work by the same tables. The periods are a starting
point: the council’s own retention schedule decides, and was not at hand.

A record is erased when its resident asked and the time to stop it is over
(`KENTCARD_ERASURE_GRACE_DAYS`), and {length_in_words(DECEASED_KEPT)} after a report of death was
approved. Written messages in the outbox directory go with their rows. *Removed* rows are deleted,
*emptied* rows lose everything sealed or indexed, *kept* rows never held anything that tells who it
was.

| table | what | why it may be held | kept | because | at erasure | ground |
|---|---|---|---|---|---|---|
{rows}

## Grounds on which something is kept

| ground | what and why | law | staff may refuse an erasure on it |
|---|---|---|---|
{grounds}

## Tables without a resident’s data

| table | why |
|---|---|
{others}
"""
