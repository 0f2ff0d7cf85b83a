"""Outcomes: which events count, from when to when, and when they are settled."""

import numpy as np
import pandas as pd
import pytest
from worlds import GRIDS, START, revision, table

from riskwarn.errors import DefinitionError
from riskwarn.history import History, Stream
from riskwarn.label import Label


def day(n):
    return START + pd.Timedelta(days=n)


LABEL = Label("dispute_7d", (Stream("dispute"),), days=7, settle_days=3)


def outcome(rows, dates, label=LABEL, until=99):
    return label.outcome(History.of(table(rows), GRIDS, until=day(until)).at(dates))


def test_the_horizon_holds_its_first_instant_and_not_its_last():
    """An event at as_of is in the horizon, one at its end is in the next."""
    assert outcome([revision(known=24 * 10)], [day(3), day(10), day(11)])[0].tolist() == [0, 1, 0]


def test_records_count_if_known_before_they_settle():
    """A late record counts while the outcome waits, and never after: the number cannot change once it is settled."""
    in_time = revision(known=24 * 19, lag=24 * 8)
    late = revision(event_id="late", known=24 * 21, lag=24 * 10)

    assert outcome([in_time, late], [day(10)])[0, 0] == 1


def test_a_retraction_in_time_undoes_an_outcome():
    """An event withdrawn before the outcome settles did not happen."""
    rows = [
        revision(known=24 * 11),
        revision(known=24 * 15, lag=24 * 4, retracted=True),
        revision(event_id="b", known=1),
    ]

    assert outcome(rows, [day(10)])[0, 0] == 0


def test_an_outcome_is_missing_until_it_settles():
    """A row whose horizon or wait reaches beyond the data has no outcome."""
    found = outcome([revision(known=24)], [day(5), day(10), day(11)], until=20)[0]

    assert np.isnan(found).tolist() == [False, False, True]


def test_streams_add_up():
    """A label of two streams counts the events of both."""
    label = Label("any_7d", ("dispute", "police_call"), days=7)
    rows = [revision(known=24 * 11), revision(source="police_call", known=24 * 12)]

    assert outcome(rows, [day(10)], label)[0, 0] == 2
    assert label.wait_days == 7
    assert Label.from_dict(label.to_dict()) == label
    assert label.words.zh
    assert label.words.en


@pytest.mark.parametrize(
    "wrong", [{"streams": ()}, {"days": 0}, {"settle_days": -1}, {"streams": ({"source": "dispute", "tag": "x"},)}]
)
def test_labels_that_cannot_be_are_refused(wrong):
    """No stream, no horizon, a negative wait and an unknown tag are refused when declared."""
    with pytest.raises(DefinitionError):
        Label(**{"name": "x", "streams": ("dispute",), "days": 7, **wrong})
