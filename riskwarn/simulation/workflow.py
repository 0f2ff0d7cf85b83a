"""How cases pass from hand to hand: levels with deadlines, cases sent back, and police calls handed to mediation."""

import numpy as np
import pandas as pd

from riskwarn.simulation import chance, season
from riskwarn.simulation.escalation import faulty_townships
from riskwarn.simulation.season import after_workdays
from riskwarn.simulation.setting import BURN_DAYS, Setting, instants, words
from riskwarn.simulation.world import World, case_ids, event_ids

LEVEL_WORKDAYS = (1, 3, 5, 7, 9)
"""Working days by when grid, village, township, county and city must have settled a case or passed it up."""
BOUNCED_IN_PAIR, BOUNCED_ELSEWHERE = 0.5, 0.01
ACTIONS = ("report", "sign", "transfer", "return", "assign", "close", "callback")


def lateness(setting: Setting, n: int) -> np.ndarray:
    """(townships,) median of how late each township passes cases up, as a share of the budget."""
    return setting.rng("lateness").lognormal(np.log(0.8), 0.25, n)


def ledger_cases(world: World) -> pd.DataFrame:
    """Ledger cases with what their handling depends on, one row a case: event, dispute, case, opened, closed, due, township."""
    events = world.records.events
    ledger = np.flatnonzero(events["source"].to_numpy() == 0)
    last = world.records.revisions.groupby("event")["closed"].max()
    one = events.iloc[ledger]
    true = one["true_code"].to_numpy()
    return pd.DataFrame(
        {
            "event": ledger,
            "dispute": one["dispute"].to_numpy(),
            "key": one["key"].to_numpy(),
            "case_id": case_ids(world)[ledger],
            "opened": one["occurred"].to_numpy(),
            "closed": last.reindex(ledger).to_numpy(),
            "due": one["due"].to_numpy(),
            "grid": one["grid"].to_numpy(),
            "code": true,
            "township": world.geo.township[one["grid"].to_numpy()],
            "county": one["county"].to_numpy(),
            "episode": one["episode"].to_numpy(),
        }
    )


def bounce_pairs(world: World) -> np.ndarray:
    """(pairs, 2) townships and departments between which cases are sent back and forth; departments are numbers 0 to 4."""
    if not world.setting.on("bounce"):
        return np.zeros((0, 2), int)
    rng = world.setting.rng("bounce")
    n = len(world.geo.township_id)
    flat = rng.permutation(n * 5)[: world.setting.preset.bounce_pairs]
    return np.column_stack([flat // 5, flat % 5])


def bounces(world: World, cases: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Department asked to help with each case, and how often it sent the case back."""
    hashed = chance.digest(world.setting.seed, "bounce", cases["key"].to_numpy())
    department = np.floor(5 * chance.channel(hashed, "department")).astype(int)
    pairs = bounce_pairs(world)
    address = cases["township"].to_numpy() * 5 + department
    inside = np.isin(address, pairs[:, 0] * 5 + pairs[:, 1])
    p = np.where(inside, BOUNCED_IN_PAIR, BOUNCED_ELSEWHERE if len(pairs) else 0.0)
    twice = chance.channel(hashed, "twice")
    n = np.where(chance.channel(hashed, "bounce") < p, 1 + (twice < 0.6) + (twice < 0.2), 0)
    lasted = (
        np.where(np.isnan(cases["closed"]), world.setting.preset.days, cases["closed"]) - cases["opened"].to_numpy()
    )
    return department, np.where(lasted > 3, n, 0)


def workflow_table(world: World) -> pd.DataFrame:
    """The `workflow` table of ledger cases."""
    cases = ledger_cases(world)
    steps = pd.concat(_steps(world, cases), ignore_index=True)
    end = np.where(np.isnan(cases["closed"]), world.setting.preset.days, cases["closed"])
    after = np.isin(steps["action"], (5, 6))
    steps = steps[(after | (steps["at"].to_numpy() < end[steps["row"]])) & (steps["at"] < world.setting.preset.days)]
    steps = steps.assign(case=pd.factorize(cases["case_id"])[0][steps["row"]]).sort_values(
        ["case", "at"], kind="stable"
    )
    case = cases["case_id"].to_numpy()[steps["row"]]
    number = steps.groupby("case").cumcount()
    township, county = cases["township"].to_numpy()[steps["row"]], cases["county"].to_numpy()[steps["row"]]
    geo, community = world.geo, world.geo.community[cases["grid"].to_numpy()[steps["row"]]]
    org = _orgs(geo, community, township, county)
    at = steps["at"].to_numpy()
    return pd.DataFrame(
        {
            "case_id": pd.array(case, dtype="str"),
            "step": pd.array(number.to_numpy(), dtype="Int64"),
            "action": words(list(ACTIONS), steps["action"]),
            "at": instants(at),
            "from_org": pd.array(_org(org, steps["from"].to_numpy()), dtype="str"),
            "to_org": pd.array(_org(org, steps["to"].to_numpy()), dtype="str"),
            "level": words(["L0", "L1", "L2", "L3", "L4"], steps["level"]),
            "limit_at": instants(steps["limit"].to_numpy()),
            "grid_id": words(world.codes.vocabulary, cases["code"].to_numpy()[steps["row"]]),
            "known_at": instants(at + 1 / 48),
        }
    )


def _orgs(geo: object, community: np.ndarray, township: np.ndarray, county: np.ndarray) -> list[np.ndarray]:
    village = geo.community_id[community]  # type: ignore[attr-defined]
    town, seat = geo.township_id[township], geo.county_id[county]  # type: ignore[attr-defined]
    city = np.full(len(village), geo.county_id[0][:4] + "00000000", dtype=village.dtype)  # type: ignore[attr-defined]
    return [village, village, town, seat, city]


def _org(levels: list[np.ndarray], level: np.ndarray) -> np.ndarray:
    """Organisation of each step: a level's own, or a department of the township (numbers from 10)."""
    made = np.array(levels, dtype=object)[np.clip(level, 0, 4), np.arange(len(level))]
    department = level >= 10
    made[department] = levels[2][department] + np.char.add("-D", (level[department] - 10).astype(str))
    made[level < 0] = None
    return made


def _step(
    row: np.ndarray, action: str, at: np.ndarray, level: object, limit: object, *, of: object, to: object
) -> pd.DataFrame:
    n = len(row)
    wide = {"level": level, "limit": limit, "from": of, "to": to}
    return pd.DataFrame(
        {"row": row, "action": np.full(n, ACTIONS.index(action)), "at": at}
        | {k: np.broadcast_to(np.asarray(v), n) for k, v in wide.items()}
    )


def _steps(world: World, cases: pd.DataFrame) -> list[pd.DataFrame]:
    setting, opened = world.setting, cases["opened"].to_numpy()
    hashed = chance.digest(setting.seed, "workflow", cases["key"].to_numpy())
    day = np.minimum(np.floor(opened).astype(int) + BURN_DAYS, setting.n_days - 1)
    limits = [after_workdays(setting, n)[day] - BURN_DAYS + 1.0 for n in LEVEL_WORKDAYS]
    slow = lateness(setting, len(world.geo.township_id))[cases["township"]]
    row, before = np.arange(len(cases)), opened
    made = [_step(row, "report", opened, 0, limits[0], of=0, to=1)]
    for level in range(1, 5):
        factor = slow * np.exp(0.35 * chance.normal(chance.channel(hashed, f"late {level}")))
        at = before = np.maximum(opened + (limits[level - 1] - opened) * factor, before + 0.25)
        made.append(_step(row, "transfer", at, level, limits[level], of=level - 1, to=level))
        made.append(
            _step(
                row,
                "sign",
                at + 0.02 + chance.exponential(chance.channel(hashed, f"sign {level}"), 0.4),
                level,
                at + 1,
                of=level - 1,
                to=level,
            )
        )
    department, times = bounces(world, cases)
    for nth in range(3):
        sent = np.flatnonzero(times > nth)
        at = opened[sent] + 0.6 + 1.1 * nth + 0.4 * chance.channel(hashed[sent], f"sent {nth}")
        made.append(_step(sent, "assign", at, 2, limits[2][sent], of=2, to=10 + department[sent]))
        made.append(_step(sent, "return", at + 0.4, 2, limits[2][sent], of=10 + department[sent], to=2))
    closed = cases["closed"].to_numpy()
    done = np.flatnonzero(~np.isnan(closed))
    reached = np.clip(np.floor((closed - opened)[done] / 3), 0, 4).astype(int)
    made.append(_step(done, "close", closed[done], reached, cases["due"].to_numpy()[done], of=reached, to=-1))
    called = done[chance.channel(hashed[done], "callback") < 0.7]
    back = (
        np.floor(closed[called])
        + 1
        + np.floor(7 * chance.channel(hashed[called], "back"))
        + season.clock(chance.channel(hashed[called], "hour"), "office")
    )
    made.append(_step(called, "callback", back, 2, closed[called] + 7, of=2, to=-1))
    return made


def diversions_table(world: World) -> pd.DataFrame:
    """The `diversions` table: police calls handed to the township's mediators."""
    rows = diversion_rows(world)
    event = rows["event"].to_numpy()
    return pd.DataFrame(
        {
            "call_id": pd.array(event_ids(world)[event], dtype="str"),
            "to_org": words(world.geo.township_id, rows["township"]),
            "sent_at": instants(rows["sent"].to_numpy()),
            "received_at": instants(rows["received"].to_numpy()),
            "closed_at": instants(rows["closed"].to_numpy()),
            "result": words(["success"], np.where(np.isnan(rows["closed"]), -1, 0)),
            "grid_id": words(world.codes.vocabulary, world.records.events["true_code"].to_numpy()[event]),
        }
    )


def diversion_rows(world: World) -> pd.DataFrame:
    """Diverted calls in numbers: event, township, sent, received (nan where lost), closed, lost, careless."""
    events, course, setting = world.records.events, world.course, world.setting
    calls = np.flatnonzero(events["source"].to_numpy() == 2)
    made = course.call["day"] >= 0
    diverted, lost = course.call["diverted"][made] == 1, course.call["lost"][made] == 1
    event, lost = calls[diverted], lost[diverted]
    hashed = chance.digest(setting.seed, "diversion", events["key"].to_numpy()[event])
    occurred = events["occurred"].to_numpy()[event]
    sent = occurred + (0.5 + 4 * chance.channel(hashed, "sent")) / 24
    received = np.where(
        lost, np.nan, sent + np.minimum(chance.exponential(chance.channel(hashed, "received"), 5 / 24), 23 / 24)
    )
    closed = received + 1 + chance.exponential(chance.channel(hashed, "closed"), 12.0)
    township = world.geo.township[events["grid"].to_numpy()[event]]
    closed = np.where(closed < setting.preset.days, closed, np.nan)
    careless = faulty_townships(setting, world.geo)[1][township]
    return pd.DataFrame(
        {
            "event": event,
            "township": township,
            "sent": sent,
            "received": received,
            "closed": closed,
            "lost": lost,
            "careless": careless,
        }
    )
