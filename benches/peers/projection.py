"""Maps of embeddings beside scikit-learn's PCA, umap-learn and openTSNE (its FFT), on the same 20,000 rows of 512.

    projection.py PROGRAM [--method NAME]... [--rounds N]

PROGRAM is the compiled bench `projection`; it makes the rows. Ours and theirs run in turns, each in a process of its own
that has read the rows, umap-learn after a small map for which it compiles itself; the fastest of the rounds counts.
Prints a line per method: ratio = their seconds / ours, above 1 = ours is faster; trustworthiness with k = 15 of 2,000
rows among all, by NumPy for both. Fails where we are slower or less trustworthy by 0.02 (PCA is reported only).
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

NEIGHBOURS = 15
ASKED = 2000


def peer(name, rows, out):
    rows = np.load(rows)
    if name == "pca":
        from sklearn.decomposition import PCA
        make = lambda x: PCA(2, random_state=1).fit_transform(x)
    elif name == "umap":
        import umap
        make = lambda x: umap.UMAP(n_neighbors=15, min_dist=0.1).fit_transform(x)  # a seed would leave it one thread
        make(rows[:5000])
    else:
        from openTSNE import TSNE
        make = lambda x: np.asarray(TSNE(perplexity=30, negative_gradient_method="fft", n_jobs=-1, random_state=1).fit(x))
    started = time.perf_counter()
    plane = make(rows)
    print(time.perf_counter() - started)
    np.save(out, plane.astype(np.float32))


def trustworthiness(rows, plane):
    n, k = len(rows), NEIGHBOURS
    rows, plane = rows.astype(np.float64), plane.astype(np.float64)
    squares = (rows**2).sum(1)
    past, asked = 0, np.arange(0, n, n // ASKED)
    for some in np.array_split(asked, 20):
        for row, far in zip(some, squares - 2 * rows[some] @ rows.T):
            far[row] = np.inf
            near = ((plane - plane[row]) ** 2).sum(1)
            near[row] = np.inf
            for other in np.argpartition(near, k)[:k]:
                past += max(0, np.count_nonzero(far < far[other]) + 1 - k)
    return 1 - past * 2 / (len(asked) * k * (2 * n - 3 * k - 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--method", action="append", choices=["pca", "umap", "tsne"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--peer", nargs=2, metavar=("ROWS", "OUT"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args.method[0], *args.peer)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run([args.program, "--write", folder / "rows.npy"], check=True)
        rows = np.load(folder / "rows.npy")
        for name in args.method or ["pca", "umap", "tsne"]:
            ours = [args.program, "--rows", folder / "rows.npy", "--method", name, "--out", folder / "ours.npy"]
            theirs = [sys.executable, __file__, "-", "--method", name, "--peer", folder / "rows.npy", folder / "theirs.npy"]
            seconds = {"ours": [], "theirs": []}
            for _ in range(args.rounds):
                for who, command in [("ours", ours), ("theirs", theirs)]:
                    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                    seconds[who].append(float(told.split()[-1]))
            own, other = min(seconds["ours"]), min(seconds["theirs"])
            trust = {who: trustworthiness(rows, np.load(folder / f"{who}.npy")) for who in seconds}
            print(f"{name:5} {rows.shape[0]} x {rows.shape[1]}: ours {own:7.2f} s, theirs {other:7.2f} s, ratio "
                  f"{other / own:5.2f}; trustworthiness {trust['ours']:.4f} and {trust['theirs']:.4f}", flush=True)
            failed |= trust["ours"] < trust["theirs"] - 0.02 or name != "pca" and own > other
    sys.exit(failed)


if __name__ == "__main__":
    main()
