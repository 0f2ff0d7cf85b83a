"""Forecast with mlforecast: run by recipes.py in a Python that has it. Reads and writes Parquet.

    python mlforecast_worker.py SERIES DATES OUT WEEKS UNTIL

LightGBM on lags and rolling means of each grid's weekly counts, trained on the weeks that had ended at UNTIL. At each date it is given the
series up to the date and forecasts WEEKS weeks one after another; their sum is the score.
"""

import sys

import pandas as pd
from lightgbm import LGBMRegressor
from mlforecast import MLForecast
from mlforecast.lag_transforms import ExpandingMean, RollingMean


def main() -> None:
    given, asked, told, weeks, until = sys.argv[1:]
    series = pd.read_parquet(given)
    # weeks are numbered: a day of the clock change is 23 or 25 hours long and no trouble then
    ends = pd.Index(sorted(series["ds"].unique()))
    series["week"] = ends.get_indexer(series["ds"])
    series = series.rename(columns={"grid_id": "unique_id"})[["unique_id", "week", "y"]]
    dates = pd.Index(pd.read_parquet(asked)["ds"])
    last = int((ends <= pd.Timestamp(until)).sum()) - 1
    lags = [n for n in (1, 2, 3, 4, 8, 13, 26, 52) if n <= last // 3]
    windows = [n for n in (4, 13, 26, 52) if n <= last // 3]
    forecast = MLForecast(
        models={
            "lightgbm": LGBMRegressor(
                n_estimators=300, learning_rate=0.05, num_leaves=31, n_jobs=1, random_state=0, verbose=-1
            )
        },
        freq=1,
        lags=lags,
        lag_transforms={1: [*(RollingMean(n) for n in windows), ExpandingMean()]},
        num_threads=1,
    )
    forecast.fit(
        series[series["week"] <= last], id_col="unique_id", time_col="week", target_col="y", static_features=[]
    )
    parts = []
    for date, week in zip(dates, ends.get_indexer(dates), strict=True):
        known = series[(series["week"] <= week) & (series["week"] > week - 120)]
        found = forecast.predict(int(weeks), new_df=known)
        score = found.groupby("unique_id")["lightgbm"].sum()
        parts.append(pd.DataFrame({"grid_id": score.index.astype(str), "ds": date, "score": score.to_numpy()}))
    pd.concat(parts, ignore_index=True).to_parquet(told)


if __name__ == "__main__":
    main()
