"""The street itself, as seen by the camera of Streets: sky, ground, the rows of buildings, walls and fences, trees."""

from dataclasses import dataclass

import numpy as np

from acflib.datasets.labels import ID
from acflib.datasets.streets_paint import Camera, Canvas, Pen


@dataclass(frozen=True)
class Plan:
    """The ground plan of a straight street. All x in meters; the camera drives at x = 0.

    Attributes:
        bands: (x of the left edge, label id), from left to right; the first edge is far to the left.
        center_line: x of the dashed line between the two lanes.
        road: (left, right) edge of the road.
        fronts: (left, right) x of the house fronts.
        rails: x of the middle of a tram track, or None.
    """

    bands: tuple[tuple[float, int], ...]
    center_line: float
    road: tuple[float, float]
    fronts: tuple[float, float]
    rails: float | None = None


@dataclass(frozen=True)
class Front:
    """A stretch of building, wall, fence or hedge beside the street, from depth z0 to z1 (meters)."""

    kind: str
    z0: float
    z1: float
    height: float
    phase: float  # shifts windows and bricks, so that no two houses are alike


def paint_sky(canvas: Canvas, camera: Camera, clouds: list[tuple[float, float, float]]) -> None:
    """Sky everywhere, brighter toward the horizon; ``clouds`` are (u, v, half width)."""
    canvas.labels[:] = ID["sky"]
    canvas.instances[:] = ID["sky"]
    canvas.shade[:] = 0.9 + 0.45 * canvas.v / camera.horizon
    for u, v, size in clouds:
        canvas.shadow(u - size, v - size / 5, u + size, v + size / 5, 1.2)
        canvas.shadow(u - size / 2, v - size / 3, u + size / 2, v + size / 6, 1.15)


def paint_ground(canvas: Canvas, camera: Camera, plan: Plan, dash: float) -> None:
    """Everything below the horizon: the bands of the plan, with lane marks, curbs, paving joints and rails."""
    first = int(np.searchsorted(canvas.v[:, 0], camera.horizon, side="right"))
    z = camera.focal * camera.height / (canvas.v[first:] - camera.horizon)  # (rows, 1)
    x = (canvas.u - camera.center) * z / camera.focal  # (rows, W)
    edges = [edge for edge, _ in plan.bands[1:]]
    labels = np.array([label for _, label in plan.bands], dtype=np.uint8)[np.searchsorted(edges, x)]

    shade = np.ones_like(x)
    pixel = z / camera.focal / canvas.v.size  # its width on the ground; thinner marks would flicker
    for mark, dashed in ((plan.center_line, True), (plan.road[0] + 0.35, False), (plan.road[1] - 0.35, False)):
        on_mark = np.abs(x - mark) < np.maximum(0.09, 0.4 * pixel)
        shade[on_mark & ((z + dash) % 6 < 3) if dashed else on_mark] = 1.7
    paving = labels == ID["sidewalk"]
    shade[paving & (((z + dash) % 1.5 < 0.12) | (x % 1.2 < 0.1))] = 0.8
    curb = np.minimum(np.abs(x - plan.road[0]), np.abs(x - plan.road[1])) < np.maximum(0.13, 0.4 * pixel)
    shade[curb & paving] = 0.6
    if plan.rails is not None:
        shade[np.abs(np.abs(x - plan.rails) - 0.72) < np.maximum(0.06, 0.3 * pixel)] = 0.45
    canvas.labels[first:], canvas.instances[first:], canvas.shade[first:] = labels, labels, shade


def paint_skyline(canvas: Canvas, camera: Camera, blocks: list[tuple[float, float, float, bool]]) -> None:
    """Far houses and trees on the horizon: (u of the middle, half width, height in image heights, is a tree)."""
    for u, half, height, tree in blocks:
        v = camera.horizon
        if tree:
            canvas.ellipse(u - half, v - height, u + half, v + height / 3, ID["vegetation"], 0.85)
        else:
            corners = [(u - half, v - height), (u + half, v - height), (u + half, v + 0.008), (u - half, v + 0.008)]
            canvas.polygon(corners, ID["building"], 1.1)


def paint_fronts(canvas: Canvas, camera: Camera, x: float, fronts: list[Front]) -> None:
    """One side of the street, from far to near: the face along the street, then the face toward the camera."""
    for front in sorted(fronts, key=lambda front: -front.z0):
        _paint_along(canvas, camera, x, front)
        _paint_facing(canvas, camera, x, front)


def paint_street_end(canvas: Canvas, camera: Camera, front: Front) -> None:
    """Something that closes the street: the same kinds, across the whole view."""
    u0, u1 = canvas.u[0, 0] - 1, canvas.u[0, -1] + 1
    _paint_plane(canvas, camera, front, u0, u1, None)


def _paint_along(canvas: Canvas, camera: Camera, x: float, front: Front) -> None:
    """The face along the street, on the plane at ``x``."""
    near, far = (camera.center + camera.focal * x / z for z in (front.z0, front.z1))
    _paint_plane(canvas, camera, front, min(near, far), max(near, far), x)


def _paint_facing(canvas: Canvas, camera: Camera, x: float, front: Front) -> None:
    """The face toward the camera, from ``x`` outward, at depth z0."""
    corner = camera.center + camera.focal * x / front.z0
    outside = corner + (3 if x > 0 else -3)
    _paint_plane(canvas, camera, front, min(corner, outside), max(corner, outside), None)


def _paint_plane(canvas: Canvas, camera: Camera, front: Front, u0: float, u1: float, x: float | None) -> None:
    """Paint the plane at ``x`` along the street, or (None) the plane at depth z0 across it, from u0 to u1."""
    rows, columns = canvas.box(u0, -1, u1, 2)
    u = canvas.u[:, columns] - camera.center
    if u.size == 0:
        return
    z = np.full_like(u, front.z0) if x is None else camera.focal * x / u  # (1, columns)
    y = camera.height - (canvas.v - camera.horizon) * z / camera.focal  # (H, columns)
    along = u * z / camera.focal if x is None else z
    top = front.height
    if front.kind == "vegetation":  # a hedge with a wavy top
        wave = np.abs((along * 0.7 + front.phase) % 2 - 1)
        top = front.height * (0.85 + 0.2 * wave * wave * (3 - 2 * wave))
    elif front.kind == "fence":  # pointed pickets
        top = front.height - 0.25 * np.abs((along + front.phase) % 0.8 - 0.4) / 0.4
    shade = _front_shade(front, along + front.phase, y)
    if x is None:
        shade = shade * 0.85
    canvas.fill((rows, columns), (y >= 0) & (y <= top), ID[front.kind], shade)


def _front_shade(front: Front, a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brightness pattern of a front: windows, bricks, pickets or leaves. a runs along it, y is height (meters)."""
    shade = np.ones(np.broadcast_shapes(a.shape, y.shape))
    if front.kind == "building":
        floor = y % 3.0
        window = (a % 2.6 > 0.7) & (a % 2.6 < 2.0) & (floor > 0.9) & (floor < 2.4) & (y < front.height - 0.5)
        lit = (np.floor(a / 2.6) * 7 + np.floor(y / 3.0) * 3) % 5 < 1
        shade[window] = 0.5
        shade[window & lit] = 1.5
        shade[(a % 7.8 > 3.0) & (a % 7.8 < 4.4) & (y < 2.3)] = 0.35  # doors
        shade[np.broadcast_to(y > front.height - 0.35, shade.shape)] = 0.6  # eaves
    elif front.kind == "wall":
        course = np.floor(y / 0.55)
        shade[(y % 0.55 < 0.13) | ((a + 0.6 * (course % 2)) % 1.2 < 0.13)] = 0.7
        shade[np.broadcast_to(y > front.height - 0.25, shade.shape)] = 1.4  # coping
    elif front.kind == "fence":
        shade[np.broadcast_to(a % 0.8 < 0.34, shade.shape)] = 0.55
        rail = (np.abs(y - 0.4) < 0.12) | (np.abs(y - 1.15) < 0.12)
        shade[np.broadcast_to(rail, shade.shape)] = 1.35
    else:
        shade = 0.8 + 0.35 * y / front.height
    return shade


def tree(pen: Pen, height: float, leaves: list[tuple[float, float, float, float]]) -> None:
    """A trunk and a crown of discs: (a, y, radius, shade), a and y relative to the top of the trunk."""
    pen.bar((0, 0), (0, height), 0.4, 0.4)
    pen.bar((0, 0.75 * height), (0.9, height + 0.3), 0.2, 0.4)
    for a, y, radius, shade in leaves:
        pen.disc(a, height + y, radius, shade)


def bush(pen: Pen, leaves: list[tuple[float, float, float, float]]) -> None:
    """Discs on the ground."""
    for a, y, radius, shade in leaves:
        pen.disc(a, max(0.3, 0.5 * radius + 0.2 * y), 0.55 * radius, shade)
