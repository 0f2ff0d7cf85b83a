"""The features again, in plain Python: one grid, one date, one event at a time, straight from the rows as they were written."""

import datetime as dt
import math
import statistics
from functools import cache
from zoneinfo import ZoneInfo

import pandas as pd
from scipy import stats

DAY = 86_400_000_000
NEVER_A_FEATURE = {"D98", "P09"}


def micros(at):
    return None if at is None or pd.isna(at) else pd.Timestamp(at).value // 1000


def plain(frame):
    """Rows as dicts, times in µs."""
    rows = []
    for row in frame.to_dict("records"):
        rows.append(
            {k: micros(v) if k.endswith("_at") or k in {"covers_from", "covers_to"} else v for k, v in row.items()}
        )
    return rows


class Oracle:
    def __init__(self, events, grids, *, timezone="Asia/Shanghai", tables=None):
        self.events = plain(events)
        self.grids = {g["grid_id"]: g for g in plain(grids.sort_values("grid_id"))}
        self.zone = timezone
        self.tables = {name: plain(t) for name, t in (tables or {}).items()}
        # what is asked for every feature and grid is worked out once
        self.areas, self.current, self.exposure = map(cache, (self.areas, self.current, self.exposure))

    def __call__(self, feature, as_of):
        """One number a grid, in the order of grid ids."""
        at = micros(pd.Timestamp(as_of) if pd.Timestamp(as_of).tzinfo else pd.Timestamp(as_of).tz_localize(self.zone))
        return [float(getattr(self, "_" + type(feature).__name__)(feature, g, at)) for g in self.grids]

    # -- what was known ------------------------------------------------------------------------------------------------

    def current(self, at):
        """The newest known revision of every event, those retracted, unplaced or yet to occur left out."""
        newest = {}
        for row in self.events:
            key = row["source"], row["event_id"]
            if row["known_at"] < at and (key not in newest or newest[key]["known_at"] < row["known_at"]):
                newest[key] = row
        return [
            r for r in newest.values() if not r["retracted"] and r["grid_id"] in self.grids and r["occurred_at"] < at
        ]

    def first_known(self, event):
        return min(
            r["known_at"] for r in self.events if (r["source"], r["event_id"]) == (event["source"], event["event_id"])
        )

    def of(self, stream, at, grid=None):
        return [r for r in self.current(at) if self.belongs(r, stream) and (grid is None or r["grid_id"] == grid)]

    def belongs(self, row, stream):
        hour = dt.datetime.fromtimestamp(row["occurred_at"] / 1e6, ZoneInfo(self.zone)).hour
        first, last = stream.hours or (0, 24)
        return (
            row["source"] == stream.source
            and row["category"] not in NEVER_A_FEATURE
            and (not stream.categories or row["category"] in stream.categories)
            and (not stream.tag or stream.tag in row["tags"].split())
            and (not stream.without or stream.without not in row["tags"].split())
            and (not stream.origin or row["origin"] == stream.origin)
            and (row["severity"] >= stream.severity)
            and (first <= hour < last if first <= last else hour >= first or hour < last)
            and (not stream.outcome or row["outcome"] == stream.outcome)
            and (not stream.border or bool(row["near_grid_id"]))
            and (not stream.linked or bool(row["case_id"]))
        )

    def count(self, stream, at, grid, days, ago=0):
        last = at - round(ago * DAY)
        return sum(last - round(days * DAY) <= r["occurred_at"] < last for r in self.of(stream, at, grid))

    def exposure(self, source, at, g, days, ago=0):
        last = at - round(ago * DAY)
        first = last - round(days * DAY)
        own = {
            d["org_code"]
            for d in self.tables.get("feed_log", [])
            if d["source"] == source and d["arrived_at"] < at and d["org_code"] in self.areas(g)
        }
        said = [
            r["occurred_at"]
            for r in self.events
            if r["source"] == source
            and max(r["known_at"], r["occurred_at"]) < at
            and not r["retracted"]
            and r["grid_id"] in self.grids
            and r["category"] not in NEVER_A_FEATURE
            and (not own or own & self.areas(r["grid_id"]))
        ]
        if not said:
            begun = math.inf
        else:
            begun = min(said)
        log = [
            d
            for d in self.tables.get("feed_log", [])
            if d["source"] == source and d["covers_from"] and d["covers_to"] and self.speaks_for(d["org_code"], g)
        ]
        if not log:
            return min(max((last - max(first, begun)) / DAY, 0), days)
        cut = min((d["covers_from"] for d in log if d["arrived_at"] < at), default=math.inf)
        spans = [(max(first, min(begun, cut)), min(last, cut))]
        spans += [(max(first, d["covers_from"]), min(last, d["covers_to"])) for d in log if d["arrived_at"] < at]
        total, reach = 0, -math.inf
        for a, b in sorted(s for s in spans if s[0] < s[1]):
            total += max(b - max(a, reach), 0)
            reach = max(reach, b)
        return min(total / DAY, days)

    def areas(self, g):
        return {self.grids[g].get(level) for level in ("county_id", "township_id", "community_id")}

    def speaks_for(self, org, g):
        """An organisation named after an area speaks for it, any other for the city."""
        return org in self.areas(g) or not any(org in self.areas(i) for i in self.grids)

    def closed_by(self, row, at):
        return row["closed_at"] is not None and row["closed_at"] < at

    def open(self, stream, at, grid):
        return [r for r in self.of(stream, at, grid) if not self.closed_by(r, at)]

    def silent(self, source, at, g, days):
        return self.exposure(source, at, g, days) <= 0

    def city(self, number):
        return sum(number(g) for g in self.grids)

    def shrunk(self, part, whole, grid, weight):
        share = self.city(part) / max(self.city(whole), 1)
        return (part(grid) + weight * share) / (whole(grid) + weight)

    def day(self, at):
        return dt.datetime.fromtimestamp(at / 1e6, ZoneInfo(self.zone)).date()

    # -- kinds ---------------------------------------------------------------------------------------------------------

    def _Count(self, f, g, at):
        return math.nan if self.silent(f.stream.source, at, g, f.days) else self.count(f.stream, at, g, f.days)

    def _Rate(self, f, g, at):
        exposed = self.exposure(f.stream.source, at, g, f.days)
        return 7 * self.count(f.stream, at, g, f.days) / exposed if exposed > 0 else math.nan

    def _Own(self, f, g, at):
        total, days = 0.0, 7 * f.weeks
        for s in f.streams:
            exposed = self.exposure(s.source, at, g, days)
            if exposed < 1:
                total += self.count(s, at, g, 728) * days / min(max(self.exposure(s.source, at, g, 728), 1), 728)
            else:
                total += self.count(s, at, g, days) * days / exposed
        return total

    def usual(self, s, g, at, days, unit):
        exposed = self.exposure(s.source, at, g, 105, ago=days)
        return self.count(s, at, g, 105, ago=days) * unit / exposed if exposed > 0 else math.nan

    def _Level(self, f, g, at):
        return self.usual(f.stream, g, at, 7, 7)

    def _Rise(self, f, g, at):
        if self.silent(f.stream.source, at, g, f.days):
            return math.nan
        mean = self.usual(f.stream, g, at, f.days, self.exposure(f.stream.source, at, g, f.days))
        return (self.count(f.stream, at, g, f.days) - mean) / math.sqrt(mean + 1)

    def _Cusum(self, f, g, at):
        if self.silent(f.stream.source, at, g, 7 * f.weeks):
            return math.nan
        mean, total = self.usual(f.stream, g, at, 7 * f.weeks, 7), 0.0
        for week in reversed(range(f.weeks)):
            there = self.exposure(f.stream.source, at, g, 7, ago=7 * week) / 7
            if there > 0:
                n = self.count(f.stream, at, g, 7, ago=7 * week)
                step = total + (n - mean * there) / math.sqrt(mean * there + 1) - 0.5
                total = step if math.isnan(step) else max(step, 0.0)
        return total

    def _LastYear(self, f, g, at):
        if self.exposure(f.stream.source, at, g, f.days, ago=364 - f.days) <= 0:
            return math.nan
        then = self.count(f.stream, at, g, f.days, ago=364 - f.days)
        return (then + 1) / (self.count(f.stream, at, g, 364) * f.days / 364 + 1)

    def _OwnNormal(self, f, g, at):
        agos = [f.days * b for b in range(int(f.past_days // f.days))]
        heard = {
            i: [
                a
                for a in agos
                if all(self.exposure(s.source, at, i, f.days, ago=a) >= 0.99 * f.days for s in f.streams)
            ]
            for i in self.grids
        }
        n = len(heard[g])
        if n < 3:
            return math.nan
        told = [i for i in self.grids if len(heard[i]) >= 3]
        blocks = {i: [sum(self.count(s, at, i, f.days, ago=a) for s in f.streams) for a in heard[i]] for i in told}
        mean = {i: statistics.mean(b) for i, b in blocks.items()}
        noise = {i: statistics.variance(b) for i, b in blocks.items()}
        below = statistics.mean(m**2 - noise[i] / len(heard[i]) for i, m in mean.items())
        within = max(statistics.mean(noise[i] - m for i, m in mean.items()) / max(below, 1e-6), 0)
        city = max(statistics.mean(mean.values()), 1e-6)
        square = statistics.mean(m**2 for m in mean.values())
        counting = statistics.mean((city + within * square) / len(heard[i]) for i in told)
        between = max(statistics.pvariance(mean.values()) - counting, 1e-6 * city)
        shape, rate = city**2 / between, city / between
        mu, k = (shape + sum(blocks[g])) / (rate + n), within + 1 / (shape + sum(blocks[g]))
        spread = stats.nbinom(1 / k, 1 / (1 + k * mu))
        threshold = max(spread.ppf(f.quantile), f.at_least - 1)
        return {"expected": mu, "threshold": threshold, "tail": spread.sf(threshold)}[f.part]

    def _DaysSince(self, f, g, at):
        ages = [(at - r["occurred_at"]) / DAY for r in self.of(f.stream, at, g)]
        return min([*ages, f.cap])

    def _Recent(self, f, g, at):
        return sum(0.5 ** ((at - r["occurred_at"]) / DAY / f.half_life) for r in self.of(f.stream, at, g))

    def _Ewma(self, f, g, at):
        return self._Recent(f, g, at) * math.log(2) / f.half_life

    # -- the label's own past in other shapes

    def _Faded(self, f, g, at):
        step = f.half_life / 8
        weight = [0.5 ** (k / 8) - 0.5 ** ((k + 1) / 8) for k in range(64)]
        total = 0.0
        for s in f.streams:
            faded = sum(0.5 ** ((at - r["occurred_at"]) / DAY / f.half_life) for r in self.of(s, at, g))
            seen = sum(w * self.exposure(s.source, at, g, step, ago=step * k) / step for k, w in enumerate(weight))
            total += faded * sum(weight) / seen if seen > 0 else math.nan
        return total

    def _Harmonic(self, f, g, at):
        total = 0.0
        for s in f.streams:
            weeks = range(f.weeks)
            n = sum(self.count(s, at, g, 7, ago=7 * w) / (1 + w) for w in weeks)
            seen = sum(self.exposure(s.source, at, g, 7, ago=7 * w) / 7 / (1 + w) for w in weeks)
            total += n * sum(1 / (1 + w) for w in weeks) / seen if seen > 0 else math.nan
        return total

    def _SameSeason(self, f, g, at):
        total = 0.0
        for s in f.streams:
            ago = [364 * y - f.days for y in range(1, f.years + 1)]
            seen = sum(self.exposure(s.source, at, g, f.days, ago=a) for a in ago)
            n = sum(self.count(s, at, g, f.days, ago=a) for a in ago)
            total += n * f.days / seen if seen > 0 else math.nan
        return total

    def distance(self, g, h):
        return math.dist(*([self.grids[k]["x_km"], self.grids[k]["y_km"]] for k in (g, h)))

    def weight(self, f, g, h):
        """What grid h gives to grid g."""
        nearest = sorted(min(self.distance(a, b) for b in self.grids if b != a) for a in self.grids)
        unit = quantile(nearest, 0.5)

        def raw(a, b):
            d = self.distance(a, b) / unit
            if f.shape == "bands":
                return 1 / (1 + math.floor(2 * d)) if d <= f.reach else 0.0
            return math.exp(-0.5 * (d / f.reach) ** 2) if d <= 3 * f.reach else 0.0

        return raw(g, h) if f.shape == "bands" else raw(g, h) / sum(raw(k, h) for k in self.grids)

    def _Spread(self, f, g, at):
        value = {h: self.value(f.of, h, at) for h in self.grids}
        weight = {h: self.weight(f, g, h) for h in self.grids}
        known = [h for h in self.grids if not math.isnan(value[h])]
        held = sum(weight[h] for h in known)
        if not held:
            return math.nan
        return sum(weight[h] * value[h] for h in known) * sum(weight.values()) / held

    def _MeanSeverity(self, f, g, at):
        graded = [r["severity"] for r in self.of(f.stream, at, g) if at - r["occurred_at"] <= round(f.days * DAY)]
        return sum(graded) / len(graded) if graded else math.nan

    def _Share(self, f, g, at):
        if self.silent(f.whole.source, at, g, f.days):
            return math.nan
        return self.shrunk(
            lambda h: self.count(f.part, at, h, f.days), lambda h: self.count(f.whole, at, h, f.days), g, f.weight
        )

    def _Open(self, f, g, at):
        return len(
            [r for r in self.open(f.stream, at, g) if not f.days or at - r["occurred_at"] <= round(f.days * DAY)]
        )

    def overdue(self, stream, at, grid, elapsed=1.0):
        found = []
        for r in self.open(stream, at, grid):
            due = r["due_at"]
            if due is not None:
                line = due if elapsed == 1 else r["occurred_at"] + int((due - r["occurred_at"]) * elapsed)
                if line < at:
                    found.append(r)
        return found

    def _Overdue(self, f, g, at):
        return len(self.overdue(f.stream, at, g))

    def _Amber(self, f, g, at):
        return len(self.overdue(f.stream, at, g, 0.8)) - len(self.overdue(f.stream, at, g))

    def _OverdueShare(self, f, g, at):
        return self.shrunk(
            lambda h: len(self.overdue(f.stream, at, h)), lambda h: len(self.open(f.stream, at, h)), g, f.weight
        )

    def _OverdueDays(self, f, g, at):
        return max([(at - r["due_at"]) / DAY for r in self.overdue(f.stream, at, g)], default=0)

    def _OpenAge(self, f, g, at):
        return quantile([(at - r["occurred_at"]) / DAY for r in self.open(f.stream, at, g)], f.q)

    def closed(self, stream, at, grid, days):
        return [
            r for r in self.of(stream, at, grid) if self.closed_by(r, at) and at - r["closed_at"] <= round(days * DAY)
        ]

    def _Closed(self, f, g, at):
        return len(self.closed(f.stream, at, g, f.days))

    def _Handling(self, f, g, at):
        took = [
            (self.day(r["closed_at"]) - self.day(r["occurred_at"])).days for r in self.closed(f.stream, at, g, f.days)
        ]
        return quantile(took, f.q)

    def _Delay(self, f, g, at):
        known = [(max(self.first_known(r), r["occurred_at"]), r) for r in self.of(f.stream, at, g)]
        return quantile([(k - r["occurred_at"]) / DAY for k, r in known if at - k <= round(f.days * DAY)], f.q)

    def _Recurrence(self, f, g, at):
        def followed(h):
            return [
                r
                for r in self.of(f.stream, at, h)
                if r["place_key"]
                and r["closed_at"] is not None
                and 0 < at - (r["closed_at"] + round(f.within * DAY)) <= round(f.days * DAY)
            ]

        def again(h):
            return [
                r
                for r in followed(h)
                if any(
                    e["place_key"] == r["place_key"] and 0 < e["occurred_at"] - r["closed_at"] <= round(f.within * DAY)
                    for e in self.of(f.stream, at, h)
                )
            ]

        share = self.city(lambda h: len(again(h))) / max(self.city(lambda h: len(followed(h))), 1)
        return (len(again(g)) + f.weight * share) / (len(followed(g)) + f.weight)

    def kinds(self, f, g, at, days, ago=0):
        last = at - round(ago * DAY)
        return [r["category"] for r in self.of(f.stream, at, g) if last - round(days * DAY) <= r["occurred_at"] < last]

    def _Entropy(self, f, g, at):
        seen = self.kinds(f, g, at, f.days)
        if not seen:
            return math.nan
        return -sum(n / len(seen) * math.log(n / len(seen)) for n in (seen.count(k) for k in set(seen)))

    def _NewKinds(self, f, g, at):
        if self.silent(f.stream.source, at, g, f.days):
            return math.nan
        return len(set(self.kinds(f, g, at, f.days)) - set(self.kinds(f, g, at, f.past, ago=f.days)))

    def seen_at_places(self, f, g, at):
        return [
            r["place_key"]
            for s in f.of
            for r in self.of(s, at, g)
            if r["place_key"] and at - r["occurred_at"] <= round(f.days * DAY)
        ]

    def _MostAtOnePlace(self, f, g, at):
        seen = self.seen_at_places(f, g, at)
        return max((seen.count(p) for p in seen), default=0)

    def _RepeatedPlaces(self, f, g, at):
        seen = self.seen_at_places(f, g, at)
        return len({p for p in seen if seen.count(p) >= f.at_least})

    def _UnsettledPlaces(self, f, g, at):
        cases = [r for r in self.of(f.closed, at, g) if r["place_key"] and self.closed_by(r, at)]
        seen = [
            r["place_key"]
            for s in f.of
            for r in self.of(s, at, g)
            if r["place_key"]
            and at - r["occurred_at"] <= round(f.days * DAY)
            and not any(c["place_key"] == r["place_key"] and c["closed_at"] > r["occurred_at"] for c in cases)
        ]
        return len({p for p in seen if seen.count(p) >= f.at_least})

    def preceded(self, later, earlier, by, at, grid, window, within):
        before = [e for s in earlier for e in self.of(s, at, grid)]
        for r in self.of(later, at, grid):
            if at - r["occurred_at"] <= round(window * DAY):
                gaps = [r["occurred_at"] - e["occurred_at"] for e in before if all(e[b] and e[b] == r[b] for b in by)]
                yield [gap for gap in gaps if 0 < gap <= round(within * DAY)]

    def _RepeatShare(self, f, g, at):
        def again(h):
            return sum(
                bool(p) for p in self.preceded(f.stream, [f.stream], ("place_key", "category"), at, h, f.days, f.within)
            )

        return self.shrunk(again, lambda h: self.count(f.stream, at, h, f.days), g, f.weight)

    def rungs(self):
        from riskwarn.feature import LADDER

        return [[s for s in rung if any(r["source"] == s.source for r in self.events)] for rung in LADDER]

    def _Rung(self, f, g, at):
        best = 0
        for height, streams in enumerate(self.rungs(), start=1):
            for s in streams:
                if any(r["case_id"] and at - r["occurred_at"] <= round(f.days * DAY) for r in self.of(s, at, g)):
                    best = height
        return best

    def _OpenMatters(self, f, g, at):
        return len(
            {r["case_id"] for rung in self.rungs()[1:] for s in rung for r in self.open(s, at, g) if r["case_id"]}
        )

    def _Climb(self, f, g, at):
        rungs = self.rungs()
        gaps = [gap for p in self.preceded(rungs[2][0], rungs[0], ("case_id",), at, g, f.days, f.within) for gap in p]
        return min(gaps) / DAY if gaps else math.nan

    def _Unheralded(self, f, g, at):
        rungs = self.rungs()

        def skipped(h):
            return sum(
                not p for p in self.preceded(rungs[2][0], rungs[0] + rungs[1], ("place_key",), at, h, f.days, 365)
            )

        return self.shrunk(skipped, lambda h: self.count(rungs[2][0], at, h, f.days), g, f.weight)

    def _PerHousehold(self, f, g, at):
        homes = {h: row["households"] for h, row in self.grids.items()}
        rate = self.city(lambda h: self.count(f.stream, at, h, f.days)) / sum(homes.values())
        exposed = self.exposure(f.stream.source, at, g, f.days)
        if exposed <= 0:
            return math.nan
        return 1000 * f.days / exposed * (self.count(f.stream, at, g, f.days) + f.weight * rate) / (homes[g] + f.weight)

    def _Observed(self, f, g, at):
        return self.exposure(f.source, at, g, f.days) / f.days

    def value(self, f, g, at):
        return float(getattr(self, "_" + type(f).__name__)(f, g, at))

    def _Nearby(self, f, g, at):
        near = [self.value(f.of, h, at) for h in self.grids if h != g]
        near = [v for v in near if not math.isnan(v)]
        return (sum(near) if f.total else sum(near) / len(near)) if near else (0.0 if f.total else math.nan)

    def _OfCity(self, f, g, at):
        found = [v for other in self.grids if (v := self.value(f.of, other, at)) == v]
        return math.fsum(found) / len(found) * len(self.grids) if found else math.nan

    def _OfParent(self, f, g, at):
        alike = [self.value(f.of, h, at) for h, row in self.grids.items() if row[f.level] == self.grids[g][f.level]]
        alike = [v for v in alike if not math.isnan(v)]
        return sum(alike) / len(alike) if alike else math.nan

    def _Ratio(self, f, g, at):
        top, bottom = self.value(f.one, g, at), self.value(f.other, g, at)
        return top / bottom if bottom else math.nan

    def _Product(self, f, g, at):
        return self.value(f.one, g, at) * self.value(f.other, g, at)

    def _Trend(self, f, g, at):
        alike = [h for h, row in self.grids.items() if h == g or (f.level and row[f.level] == self.grids[g][f.level])]
        rates = []
        for days in (f.days, f.over):
            exposed = self.exposure(f.stream.source, at, g, days)
            rates.append(sum(self.count(f.stream, at, h, days) for h in alike) / exposed if exposed > 0 else math.nan)
        return rates[0] / rates[1] if rates[1] else math.nan

    def _MixTrend(self, f, g, at):
        whole = [r for r in self.of(f.stream, at, g) if at - r["occurred_at"] <= 365 * DAY]
        if not whole:
            return math.nan
        alike = [h for h, row in self.grids.items() if row[f.level] == self.grids[g][f.level]]

        def around(kind, days):
            return sum(
                r["category"] == kind and at - r["occurred_at"] <= round(days * DAY)
                for h in alike
                for r in self.of(f.stream, at, h)
            )

        total = 0.0
        for kind in {r["category"] for r in whole}:
            near, far = around(kind, f.days), around(kind, f.over)
            total += sum(r["category"] == kind for r in whole) * (near / far * f.over / f.days if far else 1)
        return total / len(whole)


def quantile(values, q):
    """Linear between neighbours, NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
