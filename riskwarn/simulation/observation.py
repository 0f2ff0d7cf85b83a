"""What the sources write down: ledger cases, police calls, hotline requests, petitions and grid reports, as revisions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.simulation import chance, season
from riskwarn.simulation.changes import Codes
from riskwarn.simulation.disputes import KINDS, Disputes, Seams
from riskwarn.simulation.escalation import LIMIT_WORKDAYS, Course
from riskwarn.simulation.faults import SOURCES, UNPLACED, UNPLACED_FAULTY, Faults
from riskwarn.simulation.geography import Geography, foreign_neighbors, near_border
from riskwarn.simulation.season import after_workdays
from riskwarn.simulation.setting import BURN_DAYS, Setting
from riskwarn.simulation.visits import spread

PREFIX = {"dispute": "MJ99", "petition": "XF99", "police_call": "JQ99", "hotline": "RX99", "grid_report": "SB99"}
CATEGORIES = (*dict.fromkeys(c for k in KINDS for c in k.codes), "P01", "P02", "P04", "P05", "P06", "P99", "D99")
STATUSES = ("open", "accepted", "closed_success", "closed_fail")
LINKED = 0.60
MISFILED = 0.05
FEEDBACK_DAYS, FEEDBACK_MISSING = 2.0, 0.04
HOTLINE_WORKDAYS, PETITION_DAYS = 5, 60
FLAGS = (
    "weapon",
    "injury",
    "unsettled",
    "repeat",
    "in_person",
    "seeks_redress",
    "hard",
    "returned",
    "many_people",
    "large_amount",
    "moved_up",
    "callback",
)
"""Tags in the order of the bits of a revision's `tags`."""
_BIT = {tag: 1 << i for i, tag in enumerate(FLAGS)}


@dataclass(frozen=True)
class Records:
    """Revisions as columns of equal length (a frame of numbers), and the events they belong to."""

    revisions: pd.DataFrame
    """event (row of `events`), recorded, category, closed, severity, tags (bits), status."""
    events: pd.DataFrame
    """source, key, dispute, occurred, grid, code, near, true_code, due, origin, case, episode, nth, how, violent."""


def make_records(
    setting: Setting,
    geo: Geography,
    codes: Codes,
    disputes: Disputes,
    seams: Seams,
    course: Course,
    n_reports: np.ndarray,
    faults: Faults,
) -> Records:
    """Everything that is written down, before any feed delivers it."""
    parts = [
        _ledger(setting, disputes, course),
        _petitions(setting, disputes, course),
        _calls(setting, disputes, course),
        _hotline(setting, disputes, course),
        _reports(setting, n_reports),
    ]
    events = pd.concat([e for e, _ in parts], ignore_index=True)
    sizes = np.cumsum([0] + [len(e) for e, _ in parts])
    revisions = pd.concat(
        [r.assign(event=r["event"] + at) for (_, r), at in zip(parts, sizes, strict=False)], ignore_index=True
    )
    events = _located(setting, geo, codes, disputes, seams, faults, events)
    return Records(_misfiled(setting, faults, events, revisions), events)


def _events(source: str, key: np.ndarray, occurred: np.ndarray, **more: np.ndarray | float) -> pd.DataFrame:
    absent = {
        "dispute": -1,
        "due": np.nan,
        "origin": 0,
        "episode": 0,
        "nth": 0,
        "how": -1,
        "violent": False,
        "grid": -1,
    }
    return pd.DataFrame(
        {"source": np.full(len(key), SOURCES.index(source)), "key": key, "occurred": occurred}
        | {name: more[name] if name in more else np.full(len(key), value) for name, value in absent.items()}
    )


def _revisions(
    event: np.ndarray, recorded: np.ndarray, category: np.ndarray, **more: np.ndarray | float
) -> pd.DataFrame:
    absent: dict[str, float] = {"closed": np.nan, "severity": 0, "tags": 0, "status": 0}
    return pd.DataFrame(
        {"event": event, "recorded": recorded, "category": category}
        | {name: np.broadcast_to(more.get(name, value), len(event)) for name, value in absent.items()}
    )


def _moment(disputes: Disputes, dispute: np.ndarray, day: np.ndarray, u: np.ndarray, hours: str) -> np.ndarray:
    """A time of the day by the clock; on the day a dispute begins, after it began."""
    at = day + season.clock(u, hours)
    begun = disputes.born[dispute]
    return np.where(at <= begun, begun + u * (np.floor(begun) + 0.9999 - begun), at)


def category_of(setting: Setting, disputes: Disputes) -> np.ndarray:
    """(n,) the dispute's own category, as a position in :data:`CATEGORIES`."""
    u = setting.uniform("category", disputes.key)
    category = np.zeros(disputes.n, np.int64)
    for k, kind in enumerate(KINDS):
        mine = disputes.kind == k
        which = np.searchsorted(np.cumsum(kind.code_shares), u[mine] * sum(kind.code_shares), side="right")
        category[mine] = np.array([CATEGORIES.index(c) for c in kind.codes])[which.clip(0, len(kind.codes) - 1)]
    return category


def _addresses(
    setting: Setting, name: str, disputes: Disputes, dispute: np.ndarray, day: np.ndarray, *more: np.ndarray
) -> np.ndarray:
    """Addresses of records as non-negative int64: in one table they stand beside those of grid reports."""
    return (chance.digest(setting.seed, name, disputes.key[dispute], day, *more) >> np.uint64(1)).astype(np.int64)


def _draws(hashed: np.ndarray, *names: str) -> dict[str, np.ndarray]:
    return {name: chance.channel(hashed.astype(np.uint64), name) for name in names}


def ends_of(course: Course, dispute: np.ndarray, episode: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Day (with nan for none) on which the ledger case opened on `day` ended, and whether only on paper."""

    def address(d: np.ndarray, e: np.ndarray, t: np.ndarray) -> np.ndarray:
        return (d * 64 + e) * 4096 + t + BURN_DAYS

    real, paper = course.resolved, course.paper
    ends = np.concatenate(
        [
            address(real["dispute"], real["episode"], real["day"]),
            address(paper["dispute"], paper["episode"], paper["day"]),
        ]
    )
    on_paper = np.concatenate([np.zeros(len(real["day"]), bool), np.ones(len(paper["day"]), bool)])
    order = np.argsort(ends, kind="stable")
    ends, on_paper = np.append(ends[order], -1), np.append(on_paper[order], False)
    asked = address(dispute, episode, day)
    at = np.searchsorted(ends[:-1], asked)
    same = ends[at] // 4096 == asked // 4096
    return np.where(same, ends[at] % 4096 - BURN_DAYS, np.nan), same & on_paper[at]


def _ledger(setting: Setting, disputes: Disputes, course: Course) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = {name: values[course.found["day"] >= 0] for name, values in course.found.items()}
    one, day = rows["dispute"], rows["day"]
    hashed = _addresses(setting, "ledger", disputes, one, day)
    u = _draws(hashed, "hour", "lag", "close", "people", "amount", "callback", "late")
    discovered = _moment(disputes, one, day, u["hour"], "office")
    handed = np.floor(discovered) + 1 + season.clock(u["hour"], "office")
    discovered = np.where(rows["how"] == 1, handed, discovered)
    due = _due(setting, discovered)
    end, paper = ends_of(course, one, rows["episode"], day)
    closed = np.where(paper, due - 0.25 - 0.5 * u["close"], end + 1 + season.clock(u["close"], "office"))
    closed = np.where(closed <= discovered, discovered + 0.1, closed)
    recorded = discovered + chance.exponential(u["lag"], 0.4)
    z = disputes.severity[one]
    tags = _BIT["many_people"] * (u["people"] < 0.04 + 0.1 * z) + _BIT["large_amount"] * (
        (u["amount"] < 0.2) & np.isin(disputes.kind[one], (3, 6))
    )
    severity = 1 + (z > 0.45)
    category = category_of(setting, disputes)[one]
    events = _events(
        "dispute",
        hashed,
        discovered,
        dispute=one,
        due=due,
        origin=np.where(rows["how"] == 0, 1, 0),
        episode=rows["episode"],
        how=rows["how"],
    )
    opened = _revisions(np.arange(len(one)), recorded, category, severity=severity, tags=tags)
    done = np.flatnonzero(~np.isnan(closed) & (closed < setting.preset.days))
    after = tags + _BIT["callback"] * (u["callback"] < 0.7) + _BIT["moved_up"] * (closed - discovered > 4)
    ended = _revisions(
        done,
        np.maximum(closed + chance.exponential(u["late"], 0.3), recorded)[done],
        category[done],
        closed=closed[done],
        severity=severity[done],
        tags=after[done],
        status=2.0,
    )
    return events, pd.concat([opened, ended], ignore_index=True)


def _due(setting: Setting, discovered: np.ndarray) -> np.ndarray:
    """When each dispute should be settled: the end of the last workday of the limit, days."""
    day = np.minimum(np.floor(discovered).astype(int) + BURN_DAYS, setting.n_days - 1)
    return np.asarray(after_workdays(setting, LIMIT_WORKDAYS)[day] - BURN_DAYS + 1.0)


def _petitions(setting: Setting, disputes: Disputes, course: Course) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = {name: values[course.petition["day"] >= 0] for name, values in course.petition.items()}
    one, day = rows["dispute"], rows["day"]
    hashed = _addresses(setting, "petition", disputes, one, day)
    u = _draws(hashed, "hour", "lag", "close", "form", "purpose", "outcome")
    filed = _moment(disputes, one, day, u["hour"], "office")
    category = category_of(setting, disputes)[one]
    tags = (
        _BIT["in_person"] * (u["form"] < 0.3)
        + _BIT["seeks_redress"] * (u["purpose"] < 0.85)
        + _BIT["repeat"] * (rows["nth"] > 0)
    )
    closed = filed + np.minimum(3 + chance.exponential(u["close"], 30.0), 88)
    recorded = filed + chance.exponential(u["lag"], 0.5)
    events = _events("petition", hashed, filed, dispute=one, due=np.floor(filed) + PETITION_DAYS + 1.0, nth=rows["nth"])
    done = np.flatnonzero(closed < setting.preset.days)
    status = np.where(u["outcome"] < 0.8, 2, 3)
    both = [
        _revisions(np.arange(len(one)), recorded, category, severity=1, tags=tags),
        _revisions(
            done,
            closed[done] + 0.2,
            category[done],
            closed=closed[done],
            severity=1,
            tags=tags[done],
            status=status[done],
        ),
    ]
    return events, pd.concat(both, ignore_index=True)


def _calls(setting: Setting, disputes: Disputes, course: Course) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = {name: values[course.call["day"] >= 0] for name, values in course.call.items()}
    one, day, violent = rows["dispute"], rows["day"], rows["violent"] == 1
    hashed = _addresses(setting, "call", disputes, one, day, rows["violent"])
    u = _draws(hashed, "hour", "intake", "final", "weapon", "seen", "back", "missing", "settled", "length")
    at = _called_at(disputes, one, day, u["hour"], violent)
    guess, final = _kinds_of_call(violent, u["intake"], u["final"])
    hurt = np.where(violent, np.where(u["weapon"] < 0.15, _BIT["weapon"] + _BIT["injury"], _BIT["injury"]), 0)
    settled = ~violent & (u["settled"] > 0.12)
    tags = hurt + _BIT["unsettled"] * (~violent & ~settled)
    closed = np.where(settled, at + (0.5 + 2.5 * u["length"]) / 24, np.nan)
    events = _events("police_call", hashed, at, dispute=one, nth=rows["nth"], violent=violent)
    whole = _revisions(
        np.arange(len(one)),
        at + 0.005,
        final,
        closed=closed,
        severity=np.where(violent, 3, 1),
        tags=tags,
        status=np.where(settled, 2, 1),
    )
    if not setting.on("feedback"):
        return events, whole
    back = np.flatnonzero(u["missing"] >= FEEDBACK_MISSING)
    again = at + np.maximum(chance.exponential(u["back"], FEEDBACK_DAYS), 4 / 24)
    seen = u["seen"] < 0.5
    taken = _revisions(
        np.arange(len(one)),
        at + 0.005,
        guess,
        tags=np.where(seen, hurt, 0),
        severity=np.where(violent & seen, 3, 0),
    )
    fed_back = whole.iloc[back].assign(recorded=again[back])
    return events, pd.concat([taken, fed_back], ignore_index=True)


def _called_at(disputes: Disputes, one: np.ndarray, day: np.ndarray, u: np.ndarray, violent: np.ndarray) -> np.ndarray:
    """When each call came, days: violence and the quarrels of the night at hours of their own."""
    night = np.array([k.hours == "night" for k in KINDS])[disputes.kind[one]]
    hours = [_moment(disputes, one, day, u, "violent"), _moment(disputes, one, day, u, "night")]
    return np.select([violent, night], hours, _moment(disputes, one, day, u, "day"))


def _kinds_of_call(violent: np.ndarray, intake: np.ndarray, final: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The category of each call as it was taken, and as the police found it, by uniform draws."""
    fight, assault, quarrel, help_, noise = (CATEGORIES.index(c) for c in ("P01", "P02", "P04", "P05", "P06"))
    true_kind = np.where(violent, np.where(final < 0.2, fight, assault), quarrel)
    calm = np.where(intake < 0.12, help_, np.where(intake < 0.2, noise, quarrel))
    return np.where(violent, np.where(intake < 0.45, quarrel, assault), calm), true_kind


def _hotline(setting: Setting, disputes: Disputes, course: Course) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = {name: values[course.hotline["day"] >= 0] for name, values in course.hotline.items()}
    one, day = rows["dispute"], rows["day"]
    hashed = _addresses(setting, "hotline", disputes, one, day)
    u = _draws(hashed, "hour", "lag", "close", "hard", "returned", "outcome")
    asked = _moment(disputes, one, day, u["hour"], "day")
    category = category_of(setting, disputes)[one]
    tags = _BIT["hard"] * (u["hard"] < 0.04)
    after = tags + _BIT["returned"] * (u["returned"] < 0.06)
    closed = asked + 0.5 + chance.exponential(u["close"], 4.0) + 3 * (u["returned"] < 0.06)
    due = after_workdays(setting, HOTLINE_WORKDAYS)[np.minimum(day + BURN_DAYS, setting.n_days - 1)] - BURN_DAYS + 1.0
    events = _events("hotline", hashed, asked, dispute=one, due=due)
    done = np.flatnonzero(closed < setting.preset.days)
    both = [
        _revisions(np.arange(len(one)), asked + chance.exponential(u["lag"], 0.05), category, severity=1, tags=tags),
        _revisions(
            done,
            closed[done] + 0.1,
            category[done],
            closed=closed[done],
            severity=1,
            tags=after[done],
            status=np.where(u["outcome"] < 0.85, 2, 3)[done],
        ),
    ]
    return events, pd.concat(both, ignore_index=True)


def _reports(setting: Setting, n_reports: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    day, grid, key = spread(n_reports)
    hashed = chance.digest(setting.seed, "report", key)
    u = _draws(hashed, "hour", "what")
    at = day + season.clock(u["hour"], "office")
    position = np.array([CATEGORIES.index(c) for c in ("D13", "D20", "D99")])
    category = position[np.searchsorted([0.25, 0.60], u["what"])]
    events = _events("grid_report", key, at, grid=grid, origin=1)
    return events, _revisions(np.arange(len(key)), at + 0.002, category, status=1.0)


def _located(
    setting: Setting,
    geo: Geography,
    codes: Codes,
    disputes: Disputes,
    seams: Seams,
    faults: Faults,
    events: pd.DataFrame,
) -> pd.DataFrame:
    """The code clerks write for each event: perhaps the neighbour's, an old one, or none."""
    dispute, source = events["dispute"].to_numpy(), events["source"].to_numpy()
    of = np.maximum(dispute, 0)
    disputed = dispute >= 0
    grid = np.where(disputed, disputes.grid[of], events["grid"].to_numpy())
    point = np.where(disputed[:, None], disputes.point[of], geo.xy[grid])
    day = np.floor(events["occurred"].to_numpy()).astype(int)
    hashed = chance.digest(setting.seed, "clerk", events["key"].to_numpy(), source)
    u = _draws(hashed, "old", "seam", "place", "link", "side")
    seam = np.where(disputed, disputes.seam[of], -1)
    wrong = (seam >= 0) & (u["seam"] < 0.5)
    other = seams.pair[np.maximum(seam, 0)].sum(1) - grid if len(seams.pair) else grid
    written = np.where(wrong, other, grid)
    side = np.where(
        disputed, codes.side(written, point), (u["side"] > codes.share[written]) & (codes.kind[written] == "split")
    )
    true_side = np.where(disputed, codes.side(grid, point), side)
    foreign = foreign_neighbors(geo)
    near_of = near_border(geo, foreign, disputes.grid, disputes.point)
    near = np.where(disputed, near_of[of], -1)
    near = np.where(wrong, grid, np.where(seam >= 0, other, near))
    code = codes.used(written, side.astype(int), day, u["old"])
    code = np.where(u["place"] < _unplaced(setting, faults, source, geo.county[grid], day), -1, code)
    return events.assign(
        grid=grid,
        county=geo.county[grid],
        code=code,
        true_code=codes.at(grid, true_side.astype(int), day),
        near=np.where(near >= 0, codes.at(np.maximum(near, 0), np.zeros(len(near), int), day), -1),
        linked=disputed & ((u["link"] < LINKED) | (not setting.on("unlinked"))),
        side=true_side.astype(int),
        hashed=hashed,
    )


def _unplaced(setting: Setting, faults: Faults, source: np.ndarray, county: np.ndarray, day: np.ndarray) -> np.ndarray:
    usual = UNPLACED if setting.on("unplaced") else 0.0
    return np.where(
        faults.within("unplaced", source, county, day) >= 0, UNPLACED_FAULTY, np.where(source == 4, 0.0, usual)
    )


def _misfiled(setting: Setting, faults: Faults, events: pd.DataFrame, revisions: pd.DataFrame) -> pd.DataFrame:
    """One event in twenty keeps a wrong category in all its revisions; a changed code list reads as other."""
    at = revisions["event"].to_numpy()
    hashed = events["hashed"].to_numpy()[at]
    source = events["source"].to_numpy()[at]
    u = _draws(hashed, "misfiled", "instead")
    police = source == SOURCES.index("police_call")
    calls = np.array([CATEGORIES.index(c) for c in ("P05", "P06", "P99")])[np.floor(3 * u["instead"]).astype(int)]
    others = np.floor(len(CATEGORIES[:-7]) * u["instead"]).astype(int)
    wrong = (u["misfiled"] < (MISFILED if setting.on("misfiled") else 0.0)) & (source != SOURCES.index("grid_report"))
    category = np.where(wrong, np.where(police, calls, others), revisions["category"].to_numpy())
    day = np.floor(revisions["recorded"].to_numpy()).astype(int)
    unknown = faults.within("code_change", source, events["county"].to_numpy()[at], day) >= 0
    return revisions.assign(
        category=np.where(unknown, CATEGORIES.index("D99"), category), true_category=revisions["category"]
    )
