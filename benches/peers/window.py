"""Our window and napari's, one after the other on one virtual screen: start to first frame, and 2048² u16 steps.

    python benches/peers/window.py MOLCLIP_BINARY     (needs Xvfb, and napari[pyqt5] and tifffile in this Python)

A step is the time from one drawn pass of the whole window to the next; for napari, which draws its canvas only, the
time until the new picture is on the screen. Each figure is the best median of several runs that take turns, because
other work on the machine only ever adds to it. Exit code 1 where ours takes more than half of napari's time.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import tifffile

HERE = pathlib.Path(__file__).resolve().parent
SMALL = HERE.parents[1] / "tests/fixtures/real/yeast_projection.ome.tif"
ROUNDS, STEPS = 5, 100


def run(command, env):
    """Seconds from the start of the process to its line "first frame", and the JSON that follows."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    first, result = None, {}
    for line in process.stdout:
        if line.startswith("first frame"):
            first = time.perf_counter() - start
        elif line.startswith("{"):
            result = json.loads(line)
            break
    process.wait(timeout=60)
    if first is None:
        sys.exit(f"{command[0]} showed no frame")
    return first, result


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        stack = os.path.join(folder, "stack.tif")
        rng = np.random.default_rng(0)
        tifffile.imwrite(stack, rng.integers(0, 4000, (40, 2048, 2048), dtype=np.uint16), imagej=True,
                         metadata={"axes": "TYX"})
        xvfb = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        env = dict(os.environ, DISPLAY=":" + xvfb.stdout.readline().strip(), MOLCLIP_CONFIG_DIR=folder,
                   LIBGL_ALWAYS_SOFTWARE="1", NODEVICE_SELECT="1", QT_QPA_PLATFORM="xcb")
        env.pop("WAYLAND_DISPLAY", None)
        try:
            ours = [binary, "--profile", "1", str(SMALL)]
            peer = [sys.executable, str(HERE / "napari_peer.py"), str(SMALL)]
            run(ours, env), run(peer, env)  # the first start of each reads the disk
            rounds = [[run(c, env)[0] * 1e3 for c in (ours, peer)] for _ in range(ROUNDS)]
            start = [statistics.median(times) for times in zip(*rounds)]
            steps = [binary, "--profile", str(STEPS), stack], [*peer, stack, str(STEPS)]
            rounds = [[run(c, env)[1] for c in steps] for _ in range(3)]
            own, other = (min(results, key=lambda r: r["step_median_ms"]) for results in zip(*rounds))
        finally:
            xvfb.terminate()
    rows = [("start to first frame", *start), ("step, 2048x2048 u16", own["step_median_ms"], other["step_median_ms"])]
    print(f"{'ms':24}{'molclip':>10}{'napari':>10}{'ratio':>8}   (load {os.getloadavg()[0]:.1f})")
    for name, a, b in rows:
        print(f"{name:24}{a:10.1f}{b:10.1f}{a / b:8.2f}")
    print(f"molclip: {own['frames_per_s']:.1f} frames/s in the window, {own['upload_share'] * 100:.0f} % of the time in upload")
    sys.exit(any(a > 0.5 * b for _, a, b in rows))


main()
