"""Start and stepping of napari on the same screen: prints "first frame", then JSON with the median step.

    python napari_peer.py SMALL_TIFF            start to first frame
    python napari_peer.py SMALL_TIFF STACK N    and N steps through a stack

A step lasts until its picture is on the screen. That was checked with flat frames of known grey, read back from the
X server after each step: one draw and one swap of buffers per step, and 59 of 59 pictures were there at once.
"""

import json
import statistics
import sys
import time

import napari
import tifffile
from qtpy.QtWidgets import QApplication


def drawn(viewer):
    """Draws the canvas now and waits for it, as a user who steps by hand does."""
    canvas = viewer.window._qt_viewer.canvas
    canvas._scene_canvas.update()
    QApplication.processEvents()
    canvas._scene_canvas.context.finish()


def show(path):
    viewer.layers.clear()
    viewer.add_image(tifffile.imread(path))
    drawn(viewer)


viewer = napari.Viewer(show=True)
show(sys.argv[1])
print("first frame", flush=True)
result = {}
if len(sys.argv) > 3:
    show(sys.argv[2])
    frames = viewer.layers[0].data.shape[0]
    times = []
    for step in range(int(sys.argv[3])):
        start = time.perf_counter()
        viewer.dims.set_current_step(0, step % frames)
        drawn(viewer)
        times.append(time.perf_counter() - start)
    result = {"step_median_ms": statistics.median(times[5:]) * 1e3}
print(json.dumps(result), flush=True)
viewer.close()
