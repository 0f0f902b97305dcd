"""The 20 nearest vectors beside FAISS (IndexFlatIP) on the same vectors, in turns in one run.

    faiss_flat.py PROGRAM [--threads N] [--rounds N] [--folder DIR]

PROGRAM is the compiled bench `search`. Two shapes: embeddings of the Mito dataset (35,631 x 2,048) and a large screen
(1,000,000 x 512: 2 GB in DIR, and 6 GB of memory). Both find the same rows, or it fails. Prints a line per shape and kind:
one query with the vectors in memory, one with them in a mapped file, 100 queries at once; ratio = FAISS's time / ours,
above 1 = ours is faster. One query in memory must reach 1. (FAISS's flat search takes one thread per query, whatever it
is allowed.) Times are the medians of the turns' medians; beside them the fastest turn.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import faiss
import numpy as np

SHAPES = [(35_631, 2_048), (1_000_000, 512)]
QUERIES, K, TURNS = 100, 20, 5


def unit(rng, n, dim):
    x = rng.standard_normal((n, dim), dtype=np.float32)
    for rows in np.array_split(x, max(1, n // 10_000)):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return x


def median(work, rounds):
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def beside(program, folder, n, dim, args):
    rng = np.random.default_rng(1)
    vectors, queries = unit(rng, n, dim), unit(rng, QUERIES, dim)
    files = [folder / "vectors.npy", folder / "queries.npy"]
    np.save(files[0], vectors)
    np.save(files[1], queries)
    index = faiss.IndexFlatIP(dim)
    index.add(vectors)
    del vectors
    command = [program, "--file", files[0], "--queries", files[1], "--k", str(K), "--threads", str(args.threads),
               "--rounds", str(args.rounds)]
    ours, theirs = {"one": [], "mapped": [], "batch": []}, {"one": [], "batch": []}
    # In turns, so that what else the machine does touches both.
    for _ in range(TURNS):
        theirs["one"].append(median(lambda: index.search(queries[:1], K), args.rounds))
        theirs["batch"].append(median(lambda: index.search(queries, K), -(-args.rounds // 3)))
        line = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        for kind in ours:
            ours[kind].append(line[f"{kind}_ms"])
    scores, rows = index.search(queries, K)
    same = 0
    for found, row, score in zip(line["found"], rows.tolist(), scores):
        same += found == row
        # Neighbours may change places only where f32 hardly tells them apart.
        if found != row and (set(found[:-1]) - set(row) or np.abs(np.diff(score)).min() > 1e-6):
            sys.exit(f"{n} x {dim}: found {found}, FAISS {row}")
    failed = False
    for kind, peer, name in [("one", "one", "one query"), ("mapped", "one", "one query, mapped file"),
                             ("batch", "batch", f"{QUERIES} queries")]:
        own, other = statistics.median(ours[kind]), statistics.median(theirs[peer])
        must = " (must be 1)" if kind == "one" else ""
        print(f"{n:>9,} x {dim:>5,}, {name:22}: ours {own:8.1f} ms ({min(ours[kind]):.1f}), "
              f"FAISS {other:8.1f} ms ({min(theirs[peer]):.1f}), ratio {other / own:.2f}{must}", flush=True)
        failed |= bool(must) and other < own
    print(f"{'':9}   the same rows in the same order for {same} of {QUERIES} queries; load {os.getloadavg()[0]:.1f}")
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", help="for the vectors; usually the system's for temporary files")
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    failed = False
    for n, dim in SHAPES:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            failed |= beside(args.program, pathlib.Path(folder), n, dim, args)
    sys.exit(failed)


if __name__ == "__main__":
    main()
