"""What became of the rows of a delivery."""

from dataclasses import dataclass, field

import pandas as pd

COUNTS = ("received", "accepted", "quarantined", "duplicate")
_REMEDIES = {
    "dates are written": "correct `dates` in the mapping",
    "not a time": "write times as 2025-01-08 13:05:00; or state in the mapping how they stand there: `dates` (year, month or day first), `short_years` (a year of two digits)",
    "not in the store's grids": "bring the grids in first, or correct the code",
    "event_id is empty": "fill the column, or say `made_from = [columns]` under [id]",
    "how many is not known": "write the number, or leave the row out: blank is not one",
    "is empty": "fill the column in the export",
    "left out by the mapping": "nothing: the mapping says so",
    "not in the crosswalk": "add the category to the crosswalk",
    "closed_at before": "correct one of the two times at the source",
    "person data": "take the value out of the export",
    "free text": "take the column out of the export, or map it through `words`",
    "a formula without": "open the workbook in a spreadsheet program, save it, and send it again",
    "merged with": "take the merging off and write the value into each cell",
    "the row has": "quote cells that hold the delimiter",
    "not a number": "write plain numbers",
    "spreadsheet": "export the column as text, not as a number",
    "several codes": "give one code a row",
    "did not hold on the day": "bring in the version of the grid that held then, or its successor's code",
    "after the delivery arrived": "correct the date at the source, or state `dates` and `timezone` in the mapping",
    "days apart": 'say `restarts = "year"` under [id] where numbers begin anew, else correct the id',
}


MOSTLY = 0.5
"""Share of the rows from which a delivery counts as failed, though its good rows are kept."""
_WEAK = (
    ("no grid, unplaced", "in no grid", "name `grid_id` or the points under [columns], and see `crs` under [place]"),
    ("category is empty", "without a category", "fill the column, or name another one under [columns]"),
    *(
        (
            f"{name}: unknown to the crosswalk",
            "of no known category",
            "state `vocabulary`, `crosswalk` or `codes` under [category]",
        )
        for name in ("category", "feedback_category")
    ),
)


@dataclass(frozen=True)
class IngestReport:
    """What became of every row that was received.

    A row is `accepted` when it told something new, `duplicate` when all it says was known, `quarantined` when it cannot be accepted
    or the mapping leaves it out: the three add up to `received`. `conflicting` counts revisions of one delivery with one key and different
    content, of which the one that sorts last holds; what corrects an earlier delivery is among `notes`, by column. `revisions` counts records written; a row gives up to three.

    `rows` has one line a file and feed, `reasons` one line a reason, with the number of rows and what to do; `notes` counts what was
    accepted with a reservation.
    """

    table: str
    rows: pd.DataFrame
    reasons: pd.DataFrame
    notes: pd.DataFrame
    seconds: float = field(default=0.0, compare=False)

    @property
    def received(self) -> int:
        """Rows that came."""
        return int(self.rows["received"].sum())

    @property
    def accepted(self) -> int:
        """Rows that told something new."""
        return int(self.rows["accepted"].sum())

    @property
    def quarantined(self) -> int:
        """Rows kept aside with a reason."""
        return int(self.rows["quarantined"].sum())

    @property
    def duplicate(self) -> int:
        """Rows whose content was known."""
        return int(self.rows["duplicate"].sum())

    @property
    def conflicting(self) -> int:
        """Revisions with the key of a known one and other content."""
        return int(self.rows["conflicting"].sum())

    @property
    def revisions(self) -> int:
        """Records written."""
        return int(self.rows["revisions"].sum())

    @property
    def sources(self) -> list[str]:
        """Feeds that rows came for."""
        return sorted(self.rows["source"].unique())

    def fault(self) -> str:
        """Why a delivery is as good as not there: mostly refused, unplaced or uncoded; empty where it is not."""
        ours = self.reasons[~self.reasons["reason"].str.startswith("left out by the mapping")]
        refused = int(ours["rows"].sum())
        if refused > MOSTLY * self.received:
            worst = ours.sort_values("rows", ascending=False).iloc[0]
            looks = f", for example a value that looks like {worst['form']}" if worst["form"] else ""
            return f"{refused:,} of {self.received:,} rows were refused, most of them because: {worst['reason']}{looks}. {worst['remedy']}."
        for sign, what, key in _WEAK:
            n = int(self.notes.loc[self.notes["note"].str.startswith(sign), "rows"].sum())
            if n > MOSTLY * max(self.received - refused, 1):
                return f"{n:,} of {self.received:,} rows are {what}; {key}."
        return ""

    def to_dict(self) -> dict[str, object]:
        """Plain numbers and lists, for JSON."""
        counts = {name: getattr(self, name) for name in (*COUNTS, "conflicting", "revisions")}
        tables = {name: getattr(self, name).to_dict("records") for name in ("rows", "reasons", "notes")}
        return {"table": self.table, **counts, **tables}

    def __repr__(self) -> str:
        """The accounts in words, then what was refused and why."""
        head = (
            f"{self.table}: {self.received:,} rows received = {self.accepted:,} accepted + {self.quarantined:,} quarantined"
            f" + {self.duplicate:,} duplicate; {self.revisions:,} revisions written"
        )
        lines = [head + (f", {self.conflicting:,} conflicting" if self.conflicting else "")]
        if len(self.rows) > 1:
            lines += ["", self.rows.to_string(index=False)]
        for title, frame in (("refused", self.reasons), ("noted", self.notes)):
            if len(frame):
                lines += ["", f"{title}:", *(f"  {row[1]:>9,}  {row[0]}" for row in frame.itertuples(index=False))]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [frame.to_html(index=False) for frame in (self.rows, self.reasons, self.notes) if len(frame)]
        return "".join(parts)


def remedy(reason: str) -> str:
    """What to do about a reason."""
    return next((what for sign, what in _REMEDIES.items() if sign in reason), "correct the value at the source")
