"""Drawing for Streets: a camera, a canvas of four maps, and pens that draw on planes of the scene.

The canvas holds no color. It holds, for every pixel, *what* is seen (label id), *which one* (instance id), *how bright*
it is (shade) and *how far* it is (depth). Colors come last, from a palette with one color per class, which is drawn
anew for each image. So the design property of Streets, one appearance per class and image, is true by construction.

Positions on the canvas are measured in image heights: u from -1 (left) to 1 (right), v from 0 (top) to 1 (bottom).
Positions in the scene are meters: x to the right, y up, z ahead. Label maps are computed with +, -, *, /,
square roots, remainders and comparisons alone, which IEEE 754 rounds alike on every machine.
"""

import math
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]
FAR = 200.0  # depth of the sky, in meters
LAMP = 1.75  # the shade of lamps; from SHINING on a shade is a light of its own at night, and no side of a thing
SHINING = 1.6

# A regular 16-gon as literals: cosines may differ in the last digit from one machine to another.
_C1, _C2, _C3 = 0.9239, 0.7071, 0.3827
CIRCLE: tuple[Point, ...] = (
    (1, 0), (_C1, _C3), (_C2, _C2), (_C3, _C1), (0, 1), (-_C3, _C1), (-_C2, _C2), (-_C1, _C3),
    (-1, 0), (-_C1, -_C3), (-_C2, -_C2), (-_C3, -_C1), (0, -1), (_C3, -_C1), (_C2, -_C2), (_C1, -_C3),
)  # fmt: skip


@dataclass(frozen=True)
class Camera:
    """A pinhole camera on a car that looks straight ahead.

    Attributes:
        focal: focal length in image heights.
        height: height above the road, in meters.
        center: u of the vanishing point.
        horizon: v of the horizon.
    """

    focal: float
    height: float
    center: float
    horizon: float

    def project(self, x: float, y: float, z: float) -> Point:
        """Where the scene point (x, y, z) appears, as (u, v)."""
        return self.center + self.focal * x / z, self.horizon + self.focal * (self.height - y) / z


class Canvas:
    """Label, instance, shade and depth maps of size (height, width), painted from far to near.

    ``u`` is (1, W) and ``v`` is (H, 1): the centers of the pixels. Shade 0 is black, 1 the color of the class, 2 white.
    """

    def __init__(self, width: int, height: int) -> None:
        # Quotients of whole numbers: the same real number gives the same float at every resolution.
        self.u = (2 * np.arange(width)[None, :] + 1 - width) / (2 * height)
        self.v = (2 * np.arange(height)[:, None] + 1) / (2 * height)
        self.labels = np.zeros((height, width), dtype=np.uint8)
        self.instances = np.zeros((height, width), dtype=np.uint16)
        self.shade = np.ones((height, width), dtype=np.float32)
        self.depth = np.full((height, width), FAR, dtype=np.float32)

    def box(self, u0: float, v0: float, u1: float, v1: float) -> tuple[slice, slice]:
        """Rows and columns of the pixels whose centers lie in [u0, u1] x [v0, v1]."""
        rows = slice(*np.searchsorted(self.v[:, 0], (v0, v1)))
        columns = slice(*np.searchsorted(self.u[0], (u0, u1)))
        return rows, columns

    def fill(
        self,
        box: tuple[slice, slice],
        mask: np.ndarray,
        label: int,
        shade: float | np.ndarray,
        instance: int = 0,
        depth: float | np.ndarray = FAR,
    ) -> None:
        """Paint the pixels of ``box`` where ``mask`` is true. Shade and depth: numbers, or arrays that fit the mask."""
        self.labels[box][mask] = label
        self.instances[box][mask] = instance or label
        self.shade[box][mask] = shade if np.isscalar(shade) else np.broadcast_to(shade, mask.shape)[mask]
        self.depth[box][mask] = depth if np.isscalar(depth) else np.broadcast_to(depth, mask.shape)[mask]

    def inside(self, points: list[Point]) -> tuple[tuple[slice, slice], np.ndarray]:
        """The pixels in a convex polygon, on the inner side of every edge: their box, and the mask in it."""
        us, vs = zip(*points, strict=True)
        box = self.box(min(us), min(vs), max(us), max(vs))
        u, v = self.u[:, box[1]], self.v[box[0]]
        mask = np.ones((v.size, u.size), dtype=bool)
        if mask.size == 0:
            return box, mask
        edges = list(zip(points, points[1:] + points[:1], strict=True))
        turn = 1 if sum(a[0] * b[1] - b[0] * a[1] for a, b in edges) > 0 else -1
        for (u0, v0), (u1, v1) in edges:
            mask &= turn * (u1 - u0) * (v - v0) >= turn * (v1 - v0) * (u - u0)
        return box, mask

    def inside_ellipse(self, u0: float, v0: float, u1: float, v1: float) -> tuple[tuple[slice, slice], np.ndarray]:
        """The pixels in the ellipse that touches the sides of the given box: their box, and the mask in it."""
        box = self.box(u0, v0, u1, v1)
        across = (2 * self.u[:, box[1]] - u0 - u1) / (u1 - u0)
        down = (2 * self.v[box[0]] - v0 - v1) / (v1 - v0)
        return box, across * across + down * down <= 1

    def ellipse(self, u0: float, v0: float, u1: float, v1: float, label: int, shade: float, depth: float = FAR) -> None:
        """Fill the ellipse that touches the sides of the given box."""
        self.fill(*self.inside_ellipse(u0, v0, u1, v1), label, shade, depth=depth)

    def tint(self, u0: float, v0: float, u1: float, v1: float, factor: float) -> None:
        """Darken or lighten what lies in the ellipse; labels stay."""
        box, mask = self.inside_ellipse(u0, v0, u1, v1)
        self.shade[box][mask] *= factor


@dataclass(frozen=True)
class Pen:
    """Draws one thing in meters (a, y) on an upright plane of the scene; y is height above the ground.

    The plane either faces the camera (a runs across the street, from ``x`` on, all at depth ``z``), or runs along the
    street (``along=True``: a is added to ``z``, all at the same ``x``). ``mirror`` counts a backwards. ``light`` is a
    factor on every shade but that of lamps: how much of the daylight falls on the plane.
    """

    canvas: Canvas
    camera: Camera
    label: int
    instance: int
    x: float
    z: float
    along: bool = False
    mirror: bool = False
    light: float = 1.0

    def place(self, a: float, y: float) -> Point:
        """Canvas position of the point (a, y) of the plane."""
        a = -a if self.mirror else a
        return self.camera.project(self.x, y, self.z + a) if self.along else self.camera.project(self.x + a, y, self.z)

    def polygon(self, *points: Point, shade: float = 1.0) -> None:
        """A convex polygon."""
        box, mask = self.canvas.inside([self.place(a, y) for a, y in points])
        depth: float | np.ndarray = self.z
        if self.along:  # further away from column to column
            offset = self.canvas.u[:, box[1]] - self.camera.center
            depth = self.camera.focal * self.x / np.where(offset * self.x > 0, offset, self.x)
        shade = shade * self.light if shade < SHINING else shade
        self.canvas.fill(box, mask, self.label, shade, self.instance, depth)

    def rect(self, a0: float, y0: float, a1: float, y1: float, shade: float = 1.0) -> None:
        """A rectangle."""
        self.polygon((a0, y0), (a1, y0), (a1, y1), (a0, y1), shade=shade)

    def disc(self, a: float, y: float, radius: float, shade: float = 1.0) -> None:
        """A disc."""
        self.polygon(*((a + radius * c, y + radius * s) for c, s in CIRCLE), shade=shade)

    def bar(self, start: Point, end: Point, thickness: float, shade: float = 1.0) -> None:
        """A thick line."""
        (a0, y0), (a1, y1) = start, end
        length = math.sqrt((a1 - a0) * (a1 - a0) + (y1 - y0) * (y1 - y0))
        da, dy = (y0 - y1) / length * thickness / 2, (a1 - a0) / length * thickness / 2
        self.polygon((a0 + da, y0 + dy), (a1 + da, y1 + dy), (a1 - da, y1 - dy), (a0 - da, y0 - dy), shade=shade)
