"""A history whose reports are thinned or forged: what is missing is missing in every form, what is false is where it was put, and the rest stays."""

import numpy as np
import pandas as pd
import pytest
import towns

from riskwarn.errors import DataError
from riskwarn.history import NEVER, History, Stream
from riskwarn.history.altering import forged, thinned

DISPUTE, CALL = Stream("dispute"), Stream("police_call")
N, AS_OF = 6, "2025-04-01"
FIRST = np.arange(N) < 3


@pytest.fixture(scope="module")
def history():
    """Six grids that report a dispute and a call every four hours; disputes are closed a day later by a revision, every third one."""
    at = pd.date_range("2025-01-01", "2025-04-10", freq="4h", tz=towns.ZONE)
    rows = [
        {"source": source, "event_id": f"{source}{g}-{i}", "known_at": t + pd.Timedelta(minutes=g + 1), "occurred_at": t + pd.Timedelta(minutes=g), "grid_id": f"G{g}",
         "category": category, "closed_at": pd.NaT}
        for i, t in enumerate(at)
        for g in range(N)
        for source, category in (("dispute", "D02"), ("police_call", "P04"))
    ]  # fmt: skip
    events = pd.DataFrame(rows)
    again = events[(events["source"] == "dispute") & (events.index % 3 == 0)]
    closed = again.assign(known_at=again["known_at"] + pd.Timedelta(days=1), closed_at=again["known_at"])
    grids = pd.DataFrame({"grid_id": [f"G{g}" for g in range(N)], "valid_from": at[0]})
    made = History.of(
        pd.concat([events, closed], ignore_index=True).astype({"closed_at": closed["closed_at"].dtype}), grids
    )
    made.at([AS_OF]).settled("dispute", days=7, settle_days=0)
    return made


def counted(history, stream, days=28):
    return history.at([AS_OF]).count(stream, days)[:, 0]


def test_none_missing_is_the_history_itself(history):
    """A share of nothing takes nothing away, one of all takes everything of the group and nothing of the others."""
    none, all_ = (thinned(history, FIRST, share=share) for share in (0, 1))

    assert counted(none, DISPUTE).tolist() == counted(history, DISPUTE).tolist()
    assert counted(all_, DISPUTE)[FIRST].tolist() == [0, 0, 0]
    assert counted(all_, CALL)[~FIRST].tolist() == counted(history, CALL)[~FIRST].tolist()


def test_the_share_asked_for_is_missing(history):
    """Of 168 reports of a grid in four weeks a quarter goes, within three deviations of chance; another seed takes others."""
    a, b = (counted(thinned(history, FIRST, share=0.25, seed=seed), CALL)[FIRST] for seed in (1, 2))

    assert counted(history, CALL).tolist() == [168] * N
    assert np.all(np.abs(np.r_[a, b] / 168 - 0.75) < 3 * np.sqrt(0.25 * 0.75 / 168))
    assert a.tolist() != b.tolist()


def test_a_missing_report_is_missing_in_every_form(history):
    """What was closed is as often open as it is counted: no case stays behind without its report, and none loses its closing."""
    less = thinned(history, FIRST, share=0.5)
    forms, before, facts = (told(rows) for rows in (less.cases, history.cases, less.facts))

    assert forms.equals(before[before.index.isin(forms.index)])
    assert set(forms.index) == set(facts.index)
    assert len(forms) < len(before)


def told(facts):
    """How many rows there are of each report."""
    return pd.Series((facts.known * N + facts.grid) * 2 + facts.source).value_counts().sort_index()


def test_fewer_reports_are_no_silence(history):
    """The feed spoke as before, so outcomes stay settled where they were."""
    less = thinned(history, FIRST, share=0.9)
    settled = [h.at([AS_OF]).settled("dispute", days=7, settle_days=0)[:, 0].tolist() for h in (history, less)]

    assert settled == [[True] * N, [True] * N]


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_one(history, share):
    """Less than nothing or more than all cannot be missing."""
    with pytest.raises(DataError, match=r"must be in \[0, 1\]"):
        thinned(history, FIRST, share=share)


def test_false_reports_are_where_they_were_put(history):
    """All of them count at once in the grid, in the window and of the stream asked for; nothing else moves."""
    more = forged(history, [DISPUTE], 4, n=7, as_of=AS_OF, days=10)

    for stream, days in ((DISPUTE, 10), (DISPUTE, 90), (CALL, 10)):
        gained = (counted(more, stream, days) - counted(history, stream, days)).tolist()
        assert gained == ([0, 0, 0, 0, 7, 0] if stream is DISPUTE else [0] * N)
    opened = (more.at([AS_OF]).open(DISPUTE) - history.at([AS_OF]).open(DISPUTE))[:, 0]
    assert opened.tolist() == [0, 0, 0, 0, 7, 0]
    before = history.at(["2025-03-22"])
    assert more.at(["2025-03-22"]).count(DISPUTE, 28).tolist() == before.count(DISPUTE, 28).tolist()


def test_nobody_closes_a_false_report(history):
    """Each looks like a report of the city and never ends; those that were there stay as they are."""
    more = forged(history, [DISPUTE], 4, n=7, as_of=AS_OF)
    false = len(more.cases) - len(history.cases)

    assert false == 7
    assert (more.cases.end == NEVER).sum() == (history.cases.end == NEVER).sum() + 7
    assert (more.cases.closed == NEVER).sum() == (history.cases.closed == NEVER).sum() + 7


def test_what_nobody_reports_cannot_be_forged(history):
    """A false report looks like a true one, so there must be one in the window."""
    with pytest.raises(DataError, match=r"no report of dispute became known in the 28 days before 2025-01-01"):
        forged(history, [DISPUTE], 0, n=1, as_of="2025-01-01")
