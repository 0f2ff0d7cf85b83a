"""Small counts: none is shown, and none can be worked out from what is shown."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from riskwarn.access import in_area, is_small, roll_up
from riskwarn.errors import DataError

COUNTS = st.one_of(st.integers(0, 6), st.integers(0, 6), st.integers(0, 40))


@st.composite
def towns(draw):
    """A small city: counties, townships and grids, as unequal as they come."""
    rows = []
    for county in range(draw(st.integers(1, 3))):
        for township in range(draw(st.integers(1, 3))):
            rows += [(f"C{county}", f"C{county}T{township}", draw(COUNTS)) for _ in range(draw(st.integers(1, 5)))]
    table = pd.DataFrame(rows, columns=["county_id", "township_id", "n"])
    return table.assign(grid_id=[f"G{k}" for k in range(len(table))])


def equations(table, totals):
    """What the shown counts say of the hidden grids: a row of ones for each shown area, and what is left of its count."""
    n = table["n"].to_numpy(float)
    of_grid = totals[totals["level"] == "grid_id"].set_index("code")["n"].reindex(table["grid_id"])
    hidden = of_grid.isna().to_numpy()
    shown = totals[(totals["level"] != "grid_id") & totals["n"].notna()]
    rows = [
        np.ones(len(table), bool) if a.level == "city" else (table[a.level] == a.code).to_numpy()
        for a in shown.itertuples()
    ]
    left = [float(a.n) - n[r & ~hidden].sum() for a, r in zip(shown.itertuples(), rows, strict=True)]
    return hidden, np.array([r[hidden] for r in rows], float).reshape(len(rows), hidden.sum()), np.array(left)


def ranges(cells, matrix, left):
    """The least and most that a sum of hidden grids can be, by all that is shown."""
    bounds = [(0, None)] * matrix.shape[1]
    solved = [linprog(sign * cells, A_eq=matrix, b_eq=left, bounds=bounds) for sign in (1, -1)]
    return [sign * s.fun if s.status == 0 else np.inf * -sign for sign, s in zip((1, -1), solved, strict=True)]


@settings(max_examples=60, deadline=None)
@given(towns())
def test_no_hidden_count_can_be_worked_out(table):
    """Whatever is added and subtracted of what is shown, with no count below 0: each small count of a grid or an area stays open."""
    totals = roll_up(table, "n")
    hidden, matrix, left = equations(table, totals)
    secret = [(table["grid_id"] == g).to_numpy() for g in table["grid_id"][is_small(table["n"].to_numpy())]]
    for level in ("county_id", "township_id"):
        sums = table.groupby(level)["n"].sum()
        secret += [(table[level] == code).to_numpy() for code in sums.index[is_small(sums.to_numpy())]]

    for rows in secret:
        assert hidden[rows & (table["n"] > 0)].any()
        if len(matrix):
            low, high = ranges(rows[hidden].astype(float), matrix, left)
            assert high - low > 1e-6, (table, totals)


@settings(max_examples=200, deadline=None)
@given(towns())
def test_no_difference_of_shown_counts_is_small(table):
    """A shown area less any shown areas and grids within it is 0, or five at least, or holds no hidden grid."""
    totals = roll_up(table, "n")
    _, matrix, left = equations(table, totals)

    assert not is_small(totals["n"].dropna().to_numpy(dtype=int)).any()
    for row, rest in zip(matrix, left, strict=True):
        inside = [(r, v) for r, v in zip(matrix, left, strict=True) if (r <= row).all() and (r < row).any() and r.any()]
        alone = row - np.clip(sum((r for r, _ in inside), np.zeros_like(row)), 0, 1)
        outer = [(r, v) for r, v in inside if not any((r <= q).all() and (r < q).any() for q, _ in inside)]
        distinct = {tuple(r): v for r, v in outer}
        if alone.any():
            assert rest - sum(distinct.values()) >= 5


@settings(max_examples=100, deadline=None)
@given(towns())
def test_what_is_shown_is_true_and_for_those_on_duty_all_of_it(table):
    """A shown count is the count; with `show_small` each level adds up to the one above."""
    every, some = roll_up(table, "n", show_small=True), roll_up(table, "n")
    shown = some["n"].notna()

    assert (some["n"][shown] == every["n"][shown]).all()
    assert every["n"].notna().all()
    assert {every["n"][every["level"] == level].sum() for level in every["level"].unique()} == {table["n"].sum()}


@settings(max_examples=100, deadline=None)
@given(towns())
def test_not_more_is_hidden_than_needs_be(table):
    """Where no count is small nothing is hidden; zeros are never hidden."""
    large = table.assign(n=table["n"].where(~is_small(table["n"].to_numpy()), 0))
    totals = roll_up(table, "n")
    every = roll_up(table, "n", show_small=True)

    assert roll_up(large, "n")["n"].notna().all()
    assert totals["n"][every["n"] == 0].notna().all()


def test_a_small_count_takes_its_neighbour_along():
    """Drawn by hand: one small grid in a township takes the next larger along; a small township another township, and a grid in it."""
    table = pd.DataFrame(
        {
            "township_id": ["T", "T", "T", "U", "V", "V"],
            "grid_id": list("abcdef"),
            "n": [3, 9, 20, 2, 30, 40],
        }
    )
    totals = roll_up(table, "n")
    hidden = set(totals["code"][totals["n"].isna()])

    assert hidden == {"a", "b", "U", "d", "T"}
    assert totals["n"].iloc[0] == 104


def test_suppress_first_and_filter_afterwards():
    """Who sees one area is shown rows of the whole, not a table made of the area: both would subtract."""
    table = pd.DataFrame({"township_id": ["T", "T", "U"], "grid_id": ["a", "b", "c"], "n": [3, 9, 8]})
    whole = roll_up(table, "n")
    seen = table[in_area(table, "T")]["grid_id"]

    assert whole["n"][whole["code"].isin(seen)].isna().all()


@pytest.mark.parametrize("n", [[1.5], [-1], [np.nan], [np.inf]])
def test_what_is_no_count_is_refused(n):
    """Parts, debts and the unknown are no counts."""
    with pytest.raises(DataError, match="whole numbers of 0 or more"):
        roll_up(pd.DataFrame({"grid_id": ["a"], "n": n}), "n")
    with pytest.raises(DataError, match="wanted the columns grid_id and m"):
        roll_up(pd.DataFrame({"grid_id": ["a"], "n": [1]}), "m")


def test_a_city_takes_a_moment():
    """7,325 grids in 60 townships and 700 communities: well under a second."""
    rng = np.random.default_rng(0)
    community = np.arange(7325) % 700
    table = pd.DataFrame(
        {
            "county_id": community // 100,
            "township_id": community // 12,
            "community_id": community,
            "grid_id": np.arange(7325),
            "n": rng.poisson(rng.gamma(0.5, 3, 7325)),
        }
    )
    begin = time.perf_counter()
    totals = roll_up(table, "n")

    assert time.perf_counter() - begin < 1.5
    assert totals["n"].isna().sum() >= is_small(table["n"].to_numpy()).sum()
