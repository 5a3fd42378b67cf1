"""Shadows of Streets: what stands on the ground darkens it, in one direction per image, with soft edges.

A shadow changes the shade of the ground and nothing else. Shadows of things are their own outlines, laid on the ground
along the rays of the sun; those of vehicles are the shadows of boxes; those of the rows of houses are computed pixel by
pixel. Without sun only the dark places remain that daylight does not reach: under vehicles and at the foot of walls.
"""

from dataclasses import dataclass, field

import numpy as np

from acflib.datasets.streets.paint import Camera, Canvas, Pen, Point
from acflib.datasets.streets.plan import Front
from acflib.datasets.streets.weather import Weather, blur

NEAREST = 0.6  # meters: what lies closer is drawn there, far below the picture
Box = tuple[float, float, float, float, float]  # x0, x1, z0, z1, height


@dataclass(frozen=True)
class ShadowPen(Pen):
    """Draws the shadow of what a pen draws: every point moves along the rays of the sun down to the ground.

    A thing is a flat picture; here it is turned toward the sun, so that a person's shadow has a person's width.
    """

    sun: Point = (0.5, 0.0)
    mask: np.ndarray = field(kw_only=True)  # (height, width), becomes 1 where the shadow falls

    def place(self, a: float, y: float) -> Point:
        """Canvas position of the shadow of the point (a, y)."""
        across, ahead = self.sun
        length = (across * across + ahead * ahead) ** 0.5
        a = -a if self.mirror else a
        x = self.x + y * across - a * ahead / length
        z = self.z + y * ahead + a * across / length
        return self.camera.project(x, 0, max(z, NEAREST))

    def polygon(self, *points: Point, shade: float = 1.0) -> None:
        """A convex polygon."""
        box, inside = self.canvas.inside([self.place(a, y) for a, y in points])
        self.mask[box][inside] = 1


def hull(points: list[Point]) -> list[Point]:
    """The convex hull of a few points, by Andrew's monotone chain."""
    points = sorted(set(points))
    chains = []
    for order in (points, points[::-1]):
        chain: list[Point] = []
        for p in order:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        chains += chain[:-1]
    return chains


def _turn(a: Point, b: Point, c: Point) -> float:
    """Positive where the way from a over b to c turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def box_shadow(canvas: Canvas, camera: Camera, mask: np.ndarray, box: Box, sun: Point) -> None:
    """Mark the shadow of a box that stands on the ground."""
    x0, x1, z0, z1, height = box
    corners = [(x, z) for x in (x0, x1) for z in (z0, z1)]
    corners += [(x + height * sun[0], z + height * sun[1]) for x, z in corners]
    corners = [(x, max(z, NEAREST)) for x, z in corners]
    where, inside = canvas.inside([camera.project(x, 0, z) for x, z in hull(corners)])
    mask[where][inside] = 1


def foot(canvas: Canvas, camera: Camera, mask: np.ndarray, x: float, z: float, half: float) -> None:
    """Mark the dark spot at the foot of a thing of the given half width."""
    near, far = max(z - half, NEAREST), z + half
    u0, u1 = (camera.project(x + dx, 0, z)[0] for dx in (-half, half))
    where, inside = canvas.inside_ellipse(u0, camera.project(x, 0, far)[1], u1, camera.project(x, 0, near)[1])
    mask[where][inside] = 1


def row_shadow(x: np.ndarray, z: np.ndarray, front_x: float, fronts: list[Front], sun: Point) -> np.ndarray:
    """How much the houses at ``front_x`` darken the ground points (x, z): float32 from 0 to 1, soft at the edge."""
    if front_x * sun[0] >= 0:  # the sun stands before these houses
        return np.zeros(np.broadcast_shapes(x.shape, z.shape), dtype=np.float32)
    height = (x - front_x) / sun[0]  # at which the ray that ends here crosses the row
    crossing = z - height * sun[1]
    tops = np.zeros(2 * len(fronts) + 1, dtype=np.float32)
    tops[1::2] = [front.height for front in fronts]
    edges = [edge for front in fronts for edge in (front.z0, front.z1)]
    edges[0] = -1e9  # the row goes on behind the camera
    top = tops[np.searchsorted(edges, crossing, side="right")]
    soft = np.clip((top - height) / (0.06 * top + 0.2) + 0.5, 0, 1)
    return np.where((height > 0) & (top > 0), soft, 0).astype(np.float32)


def darken_ground(
    canvas: Canvas, camera: Camera, weather: Weather, sunlit: np.ndarray, feet: np.ndarray, rows: list
) -> None:
    """Apply all shadows to the shade of a canvas that holds sky and ground alone.

    Args:
        canvas: changed in place.
        camera: that of the scene.
        weather: gives the sun.
        sunlit: 1 where the shadow of a thing falls, (H, W).
        feet: 1 where things touch the ground, (H, W).
        rows: (x of the house fronts, list of fronts) on both sides.
    """
    first = int(np.searchsorted(canvas.v[:, 0], camera.horizon, side="right"))
    z = canvas.depth[first:]
    x = ((canvas.u - camera.center) / camera.focal).astype(np.float32) * z
    soft = max(1, canvas.v.size // 96)
    dark = 0.5 * blur(feet, soft)[first:]
    for front_x, _ in rows:
        dark = np.maximum(dark, 0.35 * np.clip(1 - np.abs(x - front_x) / 1.3, 0, 1))
    if weather.sun is not None:
        shadow = blur(sunlit, soft)[first:]
        for front_x, fronts in rows:
            shadow = np.maximum(shadow, row_shadow(x, z, front_x, fronts, weather.sun))
        dark = np.maximum(dark, 0.58 * weather.sunshine * shadow)
    canvas.shade[first:] *= 1 - dark
