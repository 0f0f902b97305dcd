"""Features of single pictures beside scikit-image's regionprops and mahotas' Haralick on the same 200 pictures.

    biomarkers.py PROGRAM [--rounds N]

PROGRAM is the compiled bench `biomarkers`; it makes the pictures. Both sides find the foreground (difference of Gaussians,
Otsu's threshold) and measure on one thread: we all of our features of a picture, they area, perimeter, axes, orientation,
mean and greatest intensity of each part and the 13 Haralick features of 16 grey levels. Ours and theirs run in turns; the
fastest of the rounds counts. Prints ratio = their seconds / ours, above 1 = ours is faster. Fails below 3.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import mahotas
import numpy as np
import skimage
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label, regionprops

SIDE, PIXEL_UM = 128, 0.2
LEAST = 3.0


def measure(picture):
    fine = gaussian(picture, 0.13 / PIXEL_UM, mode="nearest", truncate=3)
    fine -= gaussian(picture, 0.9 / PIXEL_UM, mode="nearest", truncate=3)
    parts = regionprops(label(fine > threshold_otsu(fine), connectivity=2), intensity_image=picture)
    found = [
        (part.area, part.perimeter, part.axis_major_length, part.axis_minor_length, part.orientation,
         part.intensity_mean, part.intensity_max)
        for part in parts
    ]
    low, high = np.quantile(picture, [0.1, 0.995])
    levels = np.clip(16 * (picture - low) / max(high - low, 1e-9), 0, 15).astype(np.uint8)
    return found, mahotas.features.haralick(levels, distance=3)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "pictures.raw"
        subprocess.run([args.program, "--write", path], check=True)
        pictures = np.fromfile(path, "<u2").reshape(-1, SIDE, SIDE).astype(np.float32)
        measure(pictures[0])
        ours, theirs = [], []
        for _ in range(args.rounds):
            told = subprocess.run([args.program, "--pictures", path], check=True, capture_output=True, text=True).stdout
            ours.append(float(told.split()[-1]))
            started = time.perf_counter()
            for picture in pictures:
                measure(picture)
            theirs.append(time.perf_counter() - started)
    own, other = min(ours), min(theirs)
    print(f"scikit-image {skimage.__version__}, mahotas {mahotas.__version__}")
    print(f"{len(pictures)} pictures of {SIDE} x {SIDE}: ours {own:6.3f} s, theirs {other:6.3f} s, ratio {other / own:5.2f}")
    sys.exit(other / own < LEAST)


if __name__ == "__main__":
    main()
