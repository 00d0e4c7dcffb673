"""docs/roles.md."""

from identity.models import StaffRole
from identity.roles import FOUR_EYES, ON_BEHALF, RIGHTS, STEP_UP, Act
from identity.roles import WORDS as ACTS


def roles() -> str:
    """docs/roles.md."""
    heads = " | ".join(role.value for role in StaffRole)
    rows = "\n".join(
        f"| {ACTS[act]} | {_marks(act)} | "
        + " | ".join("yes" if act in RIGHTS[role] else "–" for role in StaffRole)
        + " |"
        for act in Act
    )
    return f"""# What each role of the staff may do

Generated from the code (`make docs`); a test keeps it true. Every staff page names its act, and a
guard refuses it to a role that does not have it. What is marked *four eyes* waits until somebody
else who may decide requests has approved it; before what is marked *step-up* they show again who
they are, if they last did five minutes ago. What is marked *acting for them* is the resident's own
word: a member of staff does it only in an assisted session for that resident. How residents sign in
is no act of staff, but for an authenticator app they lost. `kentcard staff roles` prints the table.

| act | | {heads} |
|---|---|{"---|" * len(StaffRole)}
{rows}
"""


def _marks(act: Act) -> str:
    marks = (("four eyes", FOUR_EYES), ("step-up", STEP_UP), ("acting for them", ON_BEHALF))
    return ", ".join(mark for mark, acts in marks if act in acts)
