"""Writes the built-in look-up tables as ImageJ .lut files (256 R, 256 G, 256 B bytes).

viridis, inferno, cividis: from matplotlib (public domain, CC0). fire, ice: the control points of ImageJ's
LutLoader (public domain), interpolated linearly to 256 entries as ImageJ does.
Needs: pip install matplotlib numpy
"""
import matplotlib
import numpy as np

FIRE = (
    [0, 0, 1, 25, 49, 73, 98, 122, 146, 162, 173, 184, 195, 207, 217, 229, 240, 252] + [255] * 14,
    [0] * 13 + [14, 35, 57, 79, 101, 117, 133, 147, 161, 175, 190, 205, 219, 234, 248, 255, 255, 255, 255],
    [0, 61, 96, 130, 165, 192, 220, 227, 210, 181, 151, 122, 93, 64, 35, 5] + [0] * 11 + [35, 98, 160, 223, 255],
)
ICE = (
    [0, 0, 0, 0, 0, 0, 19, 29, 50, 48, 79, 112, 134, 158, 186, 201, 217, 229, 242, 250, 250, 250, 250, 251, 250, 250, 250, 250, 251, 251, 243, 230],
    [156, 165, 176, 184, 190, 196, 193, 184, 171, 162, 146, 125, 107, 93, 81, 87, 92, 97, 95, 93, 93, 90, 85, 69, 64, 54, 47, 35, 19, 0, 4, 0],
    [140, 147, 158, 166, 170, 176, 209, 220, 234, 225, 236, 246, 250, 251, 250, 250, 245, 230, 230, 222, 202, 180, 163, 142, 123, 114, 106, 94, 84, 64, 26, 27],
)

for name, points in (("fire", FIRE), ("ice", ICE)):
    # ImageJ's interpolate(): scale = n / 256, value at i * scale between neighbours, the last one held.
    at = np.minimum(np.arange(256) * len(points[0]) / 256, len(points[0]) - 1)
    table = [np.interp(at, np.arange(len(p)), p).astype(np.uint8) for p in points]
    open(f"{name}.lut", "wb").write(b"".join(c.tobytes() for c in table))
for name in ("viridis", "inferno", "cividis"):
    rgb = (matplotlib.colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    open(f"{name}.lut", "wb").write(rgb.T.tobytes())
