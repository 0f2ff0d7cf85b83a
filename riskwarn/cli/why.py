"""The verbs that answer why: reasons, changes, what if, and what was missed."""

import argparse

from riskwarn.cli.shared import check_grids, only_target, open_store, say, scored, show
from riskwarn.errors import DataError


def explain(parsed: argparse.Namespace) -> None:
    """Say why grids have their score, or show the records behind one."""
    from riskwarn.explanation import explain, rows
    from riskwarn.history import History

    model, panel, _ = scored(parsed)
    check_grids(parsed, panel)
    store = open_store(parsed)
    if parsed.rows:
        if len(parsed.grids) != 1:
            raise DataError(f"--rows shows the records behind one grid; name one, got {len(parsed.grids)}.")
        show(parsed, rows(store, model, parsed.grids[0], store.instant(parsed.as_of)))
        return
    history = History.load(store, as_of=store.instant(parsed.as_of))
    reasons = explain(model, panel, grids=parsed.grids or None, history=history)
    show(
        parsed,
        reasons,
        shown=reasons[["grid_id", "place", "contribution", parsed.language, f"remedy_{parsed.language}"]],
    )


def changes(parsed: argparse.Namespace) -> None:
    """Split what changed since an earlier night."""
    from riskwarn.explanation import change_sentences, changes
    from riskwarn.pipeline import model_of

    store = open_store(parsed)
    model = model_of(store, parsed.target or only_target(parsed), alias=parsed.alias)
    since = store.instant(parsed.since) if parsed.since else None
    found = changes(store, model, store.instant(parsed.as_of), since=since, capacity=parsed.capacity)
    told = found.assign(zh=change_sentences(found, "zh"), en=change_sentences(found, "en"))
    show(
        parsed,
        told,
        shown=told.loc[
            told["status"].isin(["entered", "left"]), ["grid_id", "status", "rank_before", "rank", parsed.language]
        ],
    )


def what_if(parsed: argparse.Namespace) -> None:
    """Say where a grid would stand after closing cases."""
    from riskwarn.explanation import what_if, what_ifs
    from riskwarn.explanation.whatif import CAVEAT

    model, panel, _ = scored(parsed)
    grid = parsed.grids[0]
    check_grids(parsed, panel)
    answers = [what_if(model, panel, grid, _values(parsed.set))] if parsed.set else what_ifs(model, panel, grid)
    lines = [answer.sentence(parsed.language) for answer in answers] or ["–"]
    say(parsed, [answer.to_dict() for answer in answers], "\n".join([*lines, "", CAVEAT[parsed.language]]))


def review(parsed: argparse.Namespace) -> None:
    """Look back: was each serious event on the list, and what kept it off."""
    from riskwarn.explanation import review

    found = review(
        open_store(parsed), since=parsed.since, until=parsed.until, source=parsed.source, severity=parsed.severity
    )
    if parsed.out or parsed.json:
        show(parsed, found.frame)
        return
    say(parsed, found.summary, repr(found))


def _values(pairs: list[str]) -> dict[str, float]:
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise DataError(f"--set wants feature=number, got {pair!r}.") from None
    return found
