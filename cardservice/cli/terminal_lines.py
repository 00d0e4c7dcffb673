"""A terminal as the command shows it."""

import msgspec

from cardservice.models import Terminal
from cardservice.terminal_health import Standing
from readers.contract.products import SetUp


def line(standing: Standing) -> dict[str, object]:
    """One line of the list."""
    terminal = standing.terminal
    return {
        "terminal": str(terminal.id),
        "name": terminal.name,
        "place": terminal.place,
        "services": terminal.services,
        "purposes": terminal.purposes,
        "state": _state(terminal),
        "last_seen": standing.heard_at,
        "troubles": [each.value for each in standing.troubles],
    }


def whole(standing: Standing, set_up: SetUp) -> dict[str, object]:
    """Everything that is known of one."""
    report = standing.report
    return {
        **line(standing),
        "authority": standing.terminal.authority,
        "product": set_up.product.value if set_up.product else None,
        "settings": msgspec.to_builtins(set_up.settings),
        "software": report.software if report else None,
        "works_as": report.product if report else None,
        "readers": [f"{each.name}: {each.state.value}" for each in report.readers]
        if report
        else None,
        "taps_waiting": report.taps_waiting if report else None,
        "bundle_at": report.bundle_at if report else None,
        "lists_at": report.lists_at if report else None,
        "clock_off_seconds": int(standing.clock_off.total_seconds()) if report else None,
        "settings_refused": report.settings_refused if report else None,
    }


def _state(terminal: Terminal) -> str:
    if terminal.revoked_at is not None:
        return "revoked"
    return "enrolled" if terminal.public_key is not None else "waiting"
