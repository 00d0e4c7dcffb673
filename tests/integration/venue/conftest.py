"""A venue's device with nothing in it yet."""

from pathlib import Path

import pytest

from tests.support.venue import VenueWorld


@pytest.fixture
def world(tmp_path: Path) -> VenueWorld:
    return VenueWorld(tmp_path / "venue")
