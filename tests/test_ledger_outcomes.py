"""What the outcomes say, and whether handling helped."""

import numpy as np
import pandas as pd
import pytest
from ledger_rows import NIGHT, a_city, an_item
from sklearn.dummy import DummyClassifier

from riskwarn import ledger as rl
from riskwarn.errors import DataError
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.lane import drawn as explored
from riskwarn.ledger import MACHINE, Ledger
from riskwarn.ledger.outcomes import share_of, weighted_share
from riskwarn.ledger.response import Period
from riskwarn.store import Store


def listed(ledger, answers, *, lane="standing", level="red", propensity=None, start=0, grids=None):
    """Alerts of a lane, of which some are answered: an outcome each, or None."""
    reading = {} if propensity is None else {"propensity": propensity}
    with ledger.writing("2025-03-03 07:30") as pen:
        made = [
            pen.publish(
                an_item(
                    start + n, lane=lane, level=level, reading=reading, **({"grid_ids": grids[n]} if grids else {})
                ),
                MACHINE,
                "listed",
            )
            for n in range(len(answers))
        ]
    leader, head = ledger.actor("shift_leader"), ledger.actor("township_centre")
    for item, outcome in zip(made, answers, strict=True):
        if outcome:
            ledger.act(item.item_id, "acknowledge", leader, at="2025-03-03 09:00")
            ledger.act(item.item_id, "assign", leader, area="T1", at="2025-03-03 09:10")
            ledger.act(item.item_id, "feedback", head, outcome=outcome, at="2025-03-03 16:00")
    return made


@pytest.fixture
def ledger(tmp_path):
    with Ledger(a_city(tmp_path)) as made:
        yield made


def test_precision_is_of_what_was_judged(ledger):
    """Confirmed of confirmed and not found, by lane and level, with Wilson's interval; data faults and silence count for neither."""
    listed(ledger, ["O1", "O3", "O5", "O6", None])
    listed(ledger, [None], lane="explore", level="blue", start=50)
    table = rl.precision(ledger).set_index(["lane", "level"])

    assert table.loc[("standing", "red"), ["n_listed", "n_confirmed", "n_not_found", "n_excluded"]].tolist() == [
        5,
        2,
        1,
        1,
    ]
    assert table.loc[("standing", "red"), ["precision", "lower", "upper"]].round(3).tolist() == [0.667, 0.208, 0.939]
    assert np.isnan(table.loc[("explore", "blue"), "precision"])


def test_the_last_word_holds(ledger):
    """A result that was sent back and reported anew counts once, as it was reported last."""
    item = listed(ledger, ["O1"])[0]
    leader = ledger.actor("shift_leader")
    ledger.act(item.item_id, "reject", leader, reason="not_visited", at="2025-03-03 17:00")
    ledger.act(item.item_id, "assign", leader, area="T1", at="2025-03-03 17:10")
    ledger.act(item.item_id, "feedback", ledger.actor("grid_head"), outcome="O5", at="2025-03-04 10:00")

    assert rl.outcomes(ledger)["code"].tolist() == ["O5"]
    assert ledger.verify().sound


def test_a_forgotten_alert_makes_no_list_quick(ledger):
    """Acknowledged after one working hour, or never: with most forgotten the median is unknown, not one hour."""
    listed(ledger, ["O1", "O1", None])
    quick = rl.acknowledgement(ledger).set_index("level").loc["red"]
    listed(ledger, [None, None, None], start=50)
    forgotten = rl.acknowledgement(ledger).set_index("level").loc["red"]

    assert quick[["n_listed", "n_acknowledged", "median_hours"]].tolist() == [3, 2, 1.0]
    assert np.isnan(quick["p90_hours"])
    assert np.isnan(forgotten["median_hours"])


def test_hours_per_hit_are_those_of_visits_between_list_and_result(ledger):
    """Two visits of an hour and a half in the grids of two answers, one of them confirmed; a visit before, after or elsewhere is none."""
    listed(ledger, ["O1", "O5"], grids=["G1", "G2"])
    begun = {
        "a": ("G1", "2025-03-03 10:00"),
        "b": ("G2", "2025-03-03 11:00"),
        "c": ("G1", "2025-03-03 17:00"),
        "d": ("G1", "2025-03-02 10:00"),
        "e": ("G3", "2025-03-03 10:00"),
    }
    at = {v: pd.Timestamp(t, tz="Asia/Shanghai") for v, (_, t) in begun.items()}
    rows = [
        {
            "visit_id": v,
            "grid_id": g,
            "started_at": at[v],
            "ended_at": at[v] + pd.Timedelta(minutes=90),
            "known_at": at[v],
        }
        for v, (g, _) in begun.items()
    ]
    with pytest.raises(DataError, match="has no visits"):
        rl.hours_per_hit(ledger)
    ledger.store.write("visits", pd.DataFrame(rows))

    assert rl.hours_per_hit(ledger).to_dict("records") == [
        {"lane": "standing", "n_answered": 2, "n_confirmed": 1, "visit_hours": 3.0, "hours_per_hit": 3.0}
    ]


def test_a_visit_counts_from_the_night_to_before_the_result(ledger):
    """One begun at the very as_of counts, one begun as the result is reported does not; a lane without a visit has none, one without a hit no cost of it; two hits share what was spent."""
    listed(ledger, ["O5"], grids=["G1"])
    listed(ledger, ["O1"], grids=["G2"], lane="rising", start=20)
    listed(ledger, ["O1", "O2", "O5"], grids=["G1 G9", "G1", "G8"], lane="held", start=40)
    begun = [
        NIGHT,
        pd.Timestamp("2025-03-03 15:59", tz="Asia/Shanghai"),
        pd.Timestamp("2025-03-03 16:00", tz="Asia/Shanghai"),
    ]
    rows = [
        {"visit_id": f"v{n}", "grid_id": "G1", "started_at": t, "ended_at": t + pd.Timedelta(hours=2**n), "known_at": t}
        for n, t in enumerate(begun)
    ]
    ledger.store.write("visits", pd.DataFrame(rows))
    table = rl.hours_per_hit(ledger).set_index("lane")

    assert table["visit_hours"].to_dict() == {"held": 6.0, "rising": 0.0, "standing": 3.0}
    assert table["hours_per_hit"].to_dict() == {
        "held": 3.0,
        "rising": 0.0,
        "standing": pytest.approx(np.nan, nan_ok=True),
    }


def test_what_was_missed_has_an_interval_by_hand(ledger):
    """Two confirmed of chances a half and a fifth stand for seven; the variance is that of independent draws, and the interval ends at none. The list itself has no part in it."""
    listed(ledger, ["O1", "O5"], lane="explore", level="blue", propensity=0.5)
    listed(ledger, ["O1"], lane="explore", level="red", propensity=0.2, start=20)
    listed(ledger, ["O1"] * 3, start=40)
    row = rl.missed(ledger).iloc[0]
    half = 1.959964 * np.sqrt((1 - 0.5) / 0.5**2 + (1 - 0.2) / 0.2**2)

    assert row[["n_drawn", "n_confirmed", "expected"]].tolist() == [3, 2, 7]
    assert row[["lower", "upper"]].tolist() == pytest.approx([0, 7 + half])
    listed(ledger, ["O1"] * 90, lane="explore", level="orange", propensity=0.9, start=100)
    assert rl.missed(ledger)["lower"].item() == pytest.approx(107 - 1.959964 * np.sqrt(2 + 20 + 90 * 0.1 / 0.81))


def test_an_acknowledgement_by_hand(ledger):
    """Of ten the fifth is the median and the ninth the ninetieth percentile of a hundred; alerts merged into another are that one; levels come gravest first."""
    made = listed(ledger, [None] * 10)
    listed(ledger, [None], level="orange", start=30)
    leader = ledger.actor("shift_leader")
    for n, item in enumerate(made):
        ledger.act(item.item_id, "acknowledge", leader, at=f"2025-03-03 09:{6 * n:02}")
    spare = listed(ledger, [None], start=60)[0].item_id
    ledger.act(spare, "merge", leader, into=made[0].item_id, reason="same_place", at="2025-03-03 10:00")
    table = rl.acknowledgement(ledger)

    assert table["level"].tolist() == ["red", "orange"]
    assert table[["n_listed", "n_acknowledged"]].to_numpy().tolist() == [[10, 10], [1, 0]]
    assert table.loc[0, ["median_hours", "p90_hours"]].tolist() == pytest.approx([1.5, 1.9])


def test_labels_weigh_what_they_stand_for(ledger):
    """Of a thousand places one in ten is drawn and half of those visited: each answer stands for twenty; a listed one for itself."""
    listed(ledger, ["O1"] * 4)
    listed(ledger, ["O1", "O5", "O5", "O5", "O7"] + [None] * 5, lane="explore", level="blue", propensity=0.1, start=50)
    labels = rl.weighted_labels(ledger)

    assert len(labels) == 8
    assert labels["weight"].round(9).tolist().count(20.0) == 4
    assert labels["weight"].tolist().count(1.0) == 4
    assert rl.missed(ledger)[["n_drawn", "n_confirmed", "expected"]].to_numpy().round(9).tolist() == [[4, 1, 20.0]]


def test_weighting_undoes_the_draw(ledger):
    """Grids beyond the list are drawn as the list draws, some nights more and some fewer: by weight the labels number as many true places as there are, plainly they do not."""
    places, n_listed, nights = [f"G{n:03}" for n in range(60)], 20, 8
    true = {*places[:15], *places[n_listed::4]}  # the likelier listed, the likelier true: what a list does
    listed(ledger, ["O1" if g in true else "O5" for g in places[:n_listed]], grids=places[:n_listed])
    for night in range(nights):
        chosen, propensity = explored(places[n_listed:], 6 + 6 * (night % 2), NIGHT + pd.Timedelta(days=night))
        answers = ["O1" if g in true else "O5" for g in chosen]
        more = {"lane": "explore", "level": "blue", "propensity": propensity, "grids": chosen}
        listed(ledger, answers, start=100 * (night + 1), **more)
    labels = rl.weighted_labels(ledger)
    drawn = labels["propensity"] < 1
    labels["weight"] /= drawn.map({True: nights, False: 1})

    assert labels.groupby(drawn)["weight"].sum().tolist() == pytest.approx([n_listed, 40])
    assert (labels["y"] * labels["weight"]).sum() == pytest.approx(len(true), rel=0.1)
    assert labels["y"].mean() < 0.9 * len(true) / len(places)


def test_few_drawn_of_many_stand_for_all(ledger):
    """Four of four thousand places are drawn and one is confirmed: a thousand were missed, though a label weighs fifty at most."""
    listed(ledger, ["O1", "O5", "O5", "O5"], lane="explore", level="blue", propensity=0.001)

    assert rl.missed(ledger)["expected"].item() == pytest.approx(1000)
    assert rl.weighted_labels(ledger)["weight"].tolist() == [50.0] * 4


def test_what_was_visited_speaks_for_what_was_not(ledger):
    """All of ten red alerts are visited and half are true, of ten blue ones two and none is: a quarter of the list, not five of twelve."""
    listed(ledger, ["O1"] * 5 + ["O5"] * 5)
    listed(ledger, ["O5"] * 2 + [None] * 8, level="blue", start=50)
    listed(ledger, ["O1", "O5"], lane="explore", level="blue", propensity=0.5, start=80)
    listed(ledger, ["O5", "O6"], lane="explore", level="blue", propensity=0.1, start=90)
    table = rl.weighted_precision(ledger).set_index("lane")

    assert table.loc["standing", ["n_judged", "precision"]].tolist() == [12, 0.25]
    assert table.loc["standing", "n_effective"] == pytest.approx(20**2 / (10 + 2 * 25))
    assert table.loc["explore", ["n_judged", "precision"]].tolist() == pytest.approx([3, 2 / (2 + 2 + 10)])


def test_a_weighted_share_has_the_truth_within_its_interval():
    """Places are drawn with chances that go with the truth: of four hundred drawings about 95 in 100 intervals hold it; plainly hardly any do."""
    rng = np.random.default_rng(5)
    truth = rng.random(4000) < 0.2
    chance = np.where(truth, 0.12, 0.04)
    drawings = [rng.random(4000) < chance for _ in range(400)]
    found = [weighted_share(truth[d].astype(float), 1 / chance[d]) for d in drawings]
    plain = [share_of(int(truth[d].sum()), int(d.sum())) for d in drawings]

    assert np.mean([low <= truth.mean() <= high for _, _, low, high in found]) >= 0.93
    assert np.mean([low <= truth.mean() <= high for _, low, high in plain]) < 0.05


def test_labels_train_a_model_of_what_visits_confirm(ledger):
    """Joined to features by place and night and weighed, a learner gives the share of the city, not that of the list."""
    listed(ledger, ["O1"] * 20, grids=[f"G{n}" for n in range(20)])
    listed(
        ledger, ["O1"] + ["O5"] * 9, lane="explore", propensity=0.1, start=50, grids=[f"G{n}" for n in range(50, 60)]
    )
    labels = rl.weighted_labels(ledger)
    panel = pd.DataFrame({"grid_id": [f"G{n}" for n in range(60)], "as_of": labels["as_of"].iloc[0], "constant": 1.0})
    rows = panel.merge(labels, on=["grid_id", "as_of"])
    model = DummyClassifier(strategy="prior").fit(rows[["constant"]], rows["y"], sample_weight=rows["weight"])

    assert model.predict_proba(rows[["constant"]][:1])[0, 1] == pytest.approx((20 + 10) / (20 + 100))


# -- effect -----------------------------------------------------------------------------------------------------------

ARMS = ("treated", "matched", "near_treated", "near_matched")


def drawn(rng, n, means, ratio, dispersion):
    """Counts before and after of n pairs; the handled arm after is multiplied by a ratio, every mean varies by gamma noise."""
    noise = (lambda: rng.gamma(1 / dispersion, dispersion, n)) if dispersion else (lambda: np.ones(n))
    before = pd.DataFrame({a: rng.poisson(m * noise()) for a, m in zip(ARMS, means, strict=True)})
    after = pd.DataFrame(
        {a: rng.poisson(m * noise() * (ratio if a == "treated" else 1)) for a, m in zip(ARMS, means, strict=True)}
    )
    return before, after


@pytest.mark.parametrize(
    ("ratio", "dispersion", "least"), [(1.0, 0.0, 0.92), (0.7, 0.0, 0.92), (1.0, 0.3, 0.92), (0.7, 0.3, 0.92)]
)
def test_the_interval_holds_the_truth(ratio, dispersion, least):
    """Of four hundred drawn comparisons about 95 in 100 intervals hold the true difference, and the estimate is right on average, also where places vary more than chance would."""
    rng = np.random.default_rng(11)
    means, n = (6.0, 6.0, 15.0, 15.0), 40
    truth = (ratio - 1) * means[0] * n
    found = [rl.displacement(*drawn(rng, n, means, ratio, dispersion)) for _ in range(400)]
    holds = np.mean([e.lower <= truth <= e.upper for e in found])

    assert least <= holds <= 0.99
    assert np.mean([e.estimate for e in found]) == pytest.approx(truth, abs=12 + 30 * dispersion)


def test_what_moves_next_door_is_no_gain():
    """Five events fewer in the place and five more around it: no difference, and a quotient of minus one."""
    before = pd.DataFrame({"treated": [10.0], "matched": [10.0], "near_treated": [10.0], "near_matched": [10.0]})
    found = rl.displacement(before, before.assign(treated=5.0, near_treated=15.0))

    assert (found.estimate, found.quotient) == (0.0, -1.0)


@pytest.mark.parametrize("change", [{"treated": 3.0}, {"matched": 3.0}, {"near_treated": 3.0}, {"near_matched": 3.0}])
def test_each_arm_counts_with_its_sign(change):
    """Fewer events in the handled place or around it help; fewer in the matched or around it mean that it was the times."""
    before = pd.DataFrame({a: [10.0] for a in ARMS})
    sign = -1 if set(change) & {"treated", "near_treated"} else 1

    assert rl.displacement(before, before.assign(**change)).estimate == 7.0 * sign


def test_an_effect_by_hand():
    """Estimate, 95 % interval by the root of all counts, of matched places and their neighbours widened by how far those changed, and the quotient."""
    before = pd.DataFrame({"treated": [9, 11], "matched": [2, 8], "near_treated": [20, 30], "near_matched": [9, 9]})
    after = pd.DataFrame({"treated": [5, 10], "matched": [12, 3], "near_treated": [25, 20], "near_matched": [1, 21]})
    found = rl.displacement(before, after)
    here, around = (100 + 25) / 25, (64 + 144) / 40
    half = 1.959964 * np.sqrt(here * (20 + 15 + 10 + 15) + around * (50 + 45 + 18 + 22))

    assert found.estimate == (15 - 20) - (15 - 10) + (45 - 50) - (22 - 18)
    assert found.dispersion == pytest.approx((here, around))
    assert (found.estimate - found.lower, found.upper - found.estimate) == pytest.approx((half, half))
    assert found.per_place == found.estimate / 2
    assert found.quotient == pytest.approx((45 / 15 - 50 / 10) / (15 / 15 - 20 / 10))
    assert found.counts == {
        "treated": (20, 15),
        "matched": (10, 15),
        "near_treated": (50, 45),
        "near_matched": (18, 22),
    }


def test_where_nothing_happened_nothing_is_divided():
    """Without events in the matched places there is no quotient, and no spread beyond chance is told of no events at all."""
    before = pd.DataFrame({"treated": [3.0], "matched": [0.0], "near_treated": [2.0], "near_matched": [0.0]})
    found = rl.displacement(before, before.assign(treated=1.0))

    assert np.isnan(found.quotient)
    assert found.dispersion == (1, 1)
    assert np.isnan(rl.displacement(before.assign(matched=2.0), before.assign(matched=2.0)).quotient)


def test_the_effect_of_a_ledger(tmp_path):
    """A handled grid that fell from eight to two in the weeks around the night after its result, its match and neighbours that stayed: six events fewer; a period begins with its first night."""
    zone, when = "Asia/Shanghai", pd.Timestamp("2025-03-04", tz="Asia/Shanghai")
    store = Store(tmp_path / "line", timezone=zone)
    since = pd.Timestamp("2024-01-01", tz=zone)
    names = [f"G{i}" for i in range(12)]
    store.write(
        "grids",
        pd.DataFrame({"grid_id": names, "valid_from": since, "x_km": [3.0 * i for i in range(12)], "y_km": 0.0}),
    )
    # G6 is more like it by what came after, which may not choose the match
    odd = {"G2": (8, 8, 2), "G9": (8, 8, 8), "G6": (7, 7, 2)}
    counts = odd | {g: (1, 1, 1) for g in names if g not in odd}
    rows = [
        {
            "source": "dispute",
            "event_id": f"{g}-{w}-{i}",
            "grid_id": g,
            "category": "D02",
            "occurred_at": when + pd.Timedelta(days=7 * (w - 2), hours=21 * i),
        }
        for g, windows in counts.items()
        for w, n in enumerate(windows)
        for i in range(n)
    ]
    late = {
        "source": "dispute",
        "event_id": "late",
        "grid_id": "G0",
        "category": "D02",
        "occurred_at": when + pd.Timedelta(days=40),
    }
    early = {**late, "event_id": "early", "occurred_at": when - pd.Timedelta(days=60)}
    events = pd.DataFrame([*rows, late, early])
    store.write("events", events.assign(known_at=events["occurred_at"]))
    with Ledger(store) as ledger:
        listed(ledger, ["O3"], grids=["G2"])
        history, label = History.load(store), Label("dispute_7d", (Stream("dispute"),), days=7)
        found = rl.effect(ledger, history, label)
        of_the_night = Period("the night", NIGHT, NIGHT + pd.Timedelta(days=1))
        later = Period("later", NIGHT + pd.Timedelta(days=1), NIGHT + pd.Timedelta(days=9))
        assert rl.effect(ledger, history, label, period=of_the_night) == found
        with pytest.raises(DataError, match="no alert is confirmed yet"):
            rl.effect(ledger, history, label, period=later)

    assert found.counts["treated"] == (8.0, 2.0)
    assert found.counts["matched"] == (8.0, 8.0)
    assert (found.estimate, found.n_places) == (-6.0, 1)


def test_no_effect_is_told_of_nothing(ledger):
    """Without a confirmed alert, or with a label that is no count, there is no effect to measure."""
    day = pd.Timestamp("2025-03-01", tz="Asia/Shanghai")
    ledger.store.write(
        "events",
        pd.DataFrame(
            [
                {
                    "source": "dispute",
                    "event_id": "a",
                    "grid_id": "G1",
                    "category": "D02",
                    "occurred_at": day,
                    "known_at": day,
                }
            ]
        ),
    )
    history = History.load(ledger.store)
    with pytest.raises(DataError, match="no alert is confirmed yet"):
        rl.effect(ledger, history, Label("dispute_7d", (Stream("dispute"),), days=7))
    with pytest.raises(DataError, match="is no count"):
        rl.effect(ledger, history, Label("first_7d", (Stream("dispute"),), days=7, kind="first"))
