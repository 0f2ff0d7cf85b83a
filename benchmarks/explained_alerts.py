"""Twenty explained alerts as Markdown, for reading line by line: ten of the shipped example, ten of a simulated city.

Run with ``RISKWARN_THREADS=1 python benchmarks/explained_alerts.py``; the text stands in docs/explanations.md.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("RISKWARN_THREADS", "1")

import pandas as pd

import riskwarn as rw
from riskwarn import simulation
from riskwarn.example import boston
from riskwarn.explanation import lead
from riskwarn.history import History
from riskwarn.scaffold import starter
from riskwarn.store import Store

LANGUAGES = ("zh", "en")


def told(store: Store, experiment: str, night: str, step: int) -> str:
    """Every `step`-th grid by rank with its reasons and next steps, in both languages."""
    exp = rw.Experiment.load(starter("experiments") / experiment, features=starter("features"))
    history = History.load(store, as_of=night)
    model = rw.RiskModel.of(exp).fit(rw.build_panel(store, exp))
    panel = rw.build_panel(store, exp, as_of=night)
    scores = rw.score(model, panel).iloc[: 10 * step : step]
    why = rw.explain(model, panel, grids=scores["grid_id"], history=history)
    names = store.grids(night).set_index("grid_id")["name"]
    return "\n\n".join(_grid(row, names, why[why["grid_id"] == row.grid_id]) for row in scores.itertuples())


def _grid(score: object, names: pd.Series, reasons: pd.DataFrame) -> str:
    head = f"**{names.get(score.grid_id, score.grid_id)}**, rank {score.rank}, {score.expected:.1f} expected"
    return head + "\n\n" + "\n".join(_line(reason) for reason in reasons.to_dict("records"))


def _line(reason: dict[str, object]) -> str:
    zh, en = (lead(reason["contribution"], language) for language in LANGUAGES)
    return f"- {zh}：{reason['zh']}。（{reason['remedy_zh']}）  \n  {en}: {reason['en']}. ({reason['remedy_en']})"


def main() -> None:
    """Print both lists."""
    with tempfile.TemporaryDirectory() as folder:
        print("### Boston\n")
        print(told(boston(Path(folder) / "boston", progress=False), "weekly.toml", "2015-12-28", 37))
        print("\n### Synthetic city\n")
        print(
            told(
                simulation.city("small").write(Path(folder) / "town", truth=False), "town_calls.toml", "2024-12-30", 61
            )
        )


if __name__ == "__main__":
    main()
