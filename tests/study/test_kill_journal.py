"""kill -9 at any moment of any work: what was acknowledged is kept, and nothing is left half written."""

import os

import pytest

from benchmarks.kills import WORKS, format_kills, measure_kills

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def sound(rows):
    return all(
        not row["lost"] and not row["faults"] and row["acknowledged"] >= 2 * row["kills"] for row in rows
    )


@pytest.mark.parametrize("work", WORKS)
def test_kills_of_each_kind_of_work_lose_nothing(tmp_path, work):
    """A few here, for time; more by ``PROSPECTOR_KILLS=50`` or `prospector bench --kills 50`."""
    rows = measure_kills(int(os.environ.get("PROSPECTOR_KILLS", 2)), [work], tmp_path, seed=7)
    assert sound(rows), format_kills(rows)
    assert not any(tmp_path.iterdir())
