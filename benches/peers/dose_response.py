"""Residual sums of 2,000 dose-response curves beside SciPy's best of ten starts.

    dose_response.py PROGRAM

PROGRAM is the compiled bench `dose_response`; it writes wells and our residual sums. SciPy fits the same model by
`least_squares` (MINPACK's Levenberg-Marquardt, over the logarithms of EC50 and Hill), from ten starts drawn from a fixed seed
over doses and steepnesses. Prints the largest ratio of ours to SciPy's; curves without a fit of ours are counted and left out.
Fails where one is above 1.001.
"""

import argparse
import csv
import itertools
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import scipy
from scipy.optimize import least_squares
from scipy.special import expit

STARTS = 10
MOST = 1.001


def parts(numbers, ln_dose):
    hill = np.exp(np.clip(numbers[3], -20, 20))
    return expit(hill * (ln_dose - numbers[2])), hill


def fit(ln_dose, y, rng):
    given = ln_dose[np.isfinite(ln_dose)]

    def residuals(numbers):
        return numbers[0] + (numbers[1] - numbers[0]) * parts(numbers, ln_dose)[0] - y

    def slopes(numbers):
        g, hill = parts(numbers, ln_dose)
        steep = (numbers[1] - numbers[0]) * g * (1 - g)
        off = np.where(np.isfinite(ln_dose), ln_dose - numbers[2], 0.0)
        return np.stack([1 - g, g, -hill * steep, hill * off * steep], axis=1)

    best = np.inf
    for _ in range(STARTS):
        start = [y.min(), y.max(), rng.uniform(given.min(), given.max()), rng.uniform(np.log(0.5), np.log(5))]
        if rng.random() < 0.5:
            start[:2] = start[1::-1]
        best = min(best, 2 * least_squares(residuals, start, slopes, method="lm", xtol=1e-12, ftol=1e-12).cost)
    return best


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    args = parser.parse_args()
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "curves.csv"
        subprocess.run([args.program, "--write", path], check=True)
        rows = list(csv.DictReader(path.open()))
    ratios, none = [], 0
    for _, wells in itertools.groupby(rows, key=lambda row: row["curve"]):
        wells = list(wells)
        if not wells[0]["residual_sum"]:
            none += 1
            continue
        dose, y = (np.array([float(well[name]) for well in wells]) for name in ("dose_um", "response"))
        with np.errstate(divide="ignore"):
            theirs = fit(np.log(dose), y, rng)
        ratios.append(float(wells[0]["residual_sum"]) / theirs)
    worst = max(ratios)
    print(f"SciPy {scipy.__version__}: {len(ratios)} curves, ours/theirs at most {worst:.7f}, at least {min(ratios):.7f}; no fit: {none}")
    return 1 if worst > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
