"""Reads the recordings of `cargo bench --bench decode` with tifffile and prints both times and their ratio.

    MOLCLIP_DATA=… cargo bench --bench decode
    pip install tifffile imagecodecs numpy
    MOLCLIP_DATA=… python benches/peers/tifffile_peer.py [target/criterion]

Both sides do the same work: open the file, decode every plane of the first series, one thread, file in the page
cache. Our time is criterion's median. tifffile's is the median over at least 20 runs or 3 s of the faster of its two
ways: page by page, or the series as one array (which is how it reads stacks behind a single directory).
Below 1: we are faster.
"""

import json
import os
import pathlib
import statistics
import sys
import time

import tifffile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def by_page(path):
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        if len(series.pages) == 1 and series.size > series.pages[0].size:
            return series.asarray(maxworkers=1).nbytes
        return sum(page.asarray(maxworkers=1).nbytes for page in series.pages)


def as_array(path):
    with tifffile.TiffFile(path) as tif:
        return tif.series[0].asarray(maxworkers=1).nbytes


def median_ms(work, path):
    work(path)
    times, start = [], time.perf_counter()
    while len(times) < 20 or time.perf_counter() - start < 3:
        begin = time.perf_counter()
        work(path)
        times.append(time.perf_counter() - begin)
    return 1e3 * statistics.median(times)


def main():
    criterion = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target" / "criterion"
    data = os.environ.get("MOLCLIP_DATA")
    folders = (
        [pathlib.Path(data) / "video" / "encodings", pathlib.Path(data) / "video"]
        if data
        else [ROOT / "tests" / "fixtures" / "tiff"]
    )
    print(f"tifffile {tifffile.__version__}")
    print(f"{'file':42} {'ours ms':>9} {'tifffile ms':>12} {'ratio':>6}")
    worst = 0.0
    for result in sorted((criterion / "decode").glob("*/new/estimates.json")):
        name = result.parent.parent.name
        path = next((f / name for f in folders if (f / name).exists()), None)
        if path is None:
            continue
        ours = json.loads(result.read_text())["median"]["point_estimate"] / 1e6
        theirs = min(median_ms(by_page, path), median_ms(as_array, path))
        worst = max(worst, ours / theirs)
        print(f"{name:42} {ours:9.3f} {theirs:12.3f} {ours / theirs:6.2f}")
    print(f"largest ratio {worst:.2f}")


main()
