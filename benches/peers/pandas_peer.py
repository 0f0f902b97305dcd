"""Filters and sorts the table of `benches/experiment.rs` with pandas; the fastest of ten runs each, in ms.

    pip install pandas
    python benches/peers/pandas_peer.py
"""

import io
import time

import pandas as pd

ROWS = 100_000


def screen():
    lines = ["row_id,path,plate,well,replicate,compound,concentration_uM,moa,control,score"]
    for row in range(ROWS):
        at = row * 7919 % ROWS
        drug = at % 997
        lines.append(
            f"cell{at},videos/plate{at // 384}/cell{at}.ome.tif,plate{at // 384},"
            f"{chr(65 + at // 24 % 16)}{at % 24 + 1},{at % 3},drug {drug},{[0.1, 0.3, 1, 3, 10][at % 5]},"
            f"mechanism {drug % 38},{'negative' if drug == 0 else ''},{at * 0.618 % 1}"
        )
    return "\n".join(lines)


def fastest(run, runs=10):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


text = screen()
frame = pd.read_csv(io.StringIO(text))
columns = frame.select_dtypes(["object", "string"]).columns


def search(*words):
    keep = pd.Series(True, frame.index)
    for word in words:
        found = [frame[name].str.contains(word, case=False, regex=False, na=False) for name in columns]
        keep &= pd.concat(found, axis=1).any(axis=1)
    return frame.index[keep]


cases = {
    "read a CSV of 100,000 rows": lambda: pd.read_csv(io.StringIO(text)),
    "filter by moa": lambda: frame.index[frame.moa.isin([f"mechanism {moa}" for moa in range(5)])],
    "filter by score": lambda: frame.index[frame.score.between(0.2, 0.4)],
    "search text": lambda: search("plate77", "mechanism"),
    "search absent text": lambda: search("latrunculin"),
    "sort by score": lambda: frame.score.sort_values(kind="stable").index,
    "sort by well (not natural)": lambda: frame.well.sort_values(kind="stable").index,
    "sort by row_id (not natural)": lambda: frame.row_id.sort_values(kind="stable").index,
}
for name, run in cases.items():
    print(f"{name}: {fastest(run):.1f} ms")
