"""Words on whether NTP holds a clock, by what it is held against."""

from __future__ import annotations

import numpy as np

from wiretell.findings.clocks.discipline import common_words, discipline
from wiretell.stats.common_mode import CommonMode


def test_nobody_is_free_or_held_where_true_time_is_in_doubt() -> None:
    doubt = CommonMode("doubtful", 45.1, 0.2, np.array([True, True, True, False]))
    for skew_ppm, in_bunch in ((45.0, True), (0.1, False)):
        state, why = discipline(skew_ppm, 0.2, 1000.0, doubt, in_bunch=in_bunch)
        assert state == "unknown"
        assert "one machine with several addresses" in why
    assert "nothing is taken out" in common_words(doubt, 4)
