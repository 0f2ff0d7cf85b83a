"""Tables of results as plain values, as they are kept in experiments/results/NAME.json."""

import pandas as pd


def table(title: str, rows: pd.DataFrame, *, digits: int = 4, note: str = "") -> dict:
    """A table as plain values."""
    plain = rows.round(digits).astype(object).where(rows.notna(), None)
    return {
        "title": title,
        "columns": [str(c) for c in rows],
        "rows": {str(i): list(v) for i, v in zip(rows.index, plain.to_numpy().tolist(), strict=True)},
        "digits": digits,
        "note": note,
    }
