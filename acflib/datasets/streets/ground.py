"""The street itself, as seen by the camera of Streets: sky, ground, the rows of buildings, walls and fences."""

import numpy as np

from acflib.datasets.labels import ID
from acflib.datasets.streets.paint import LAMP, Camera, Canvas
from acflib.datasets.streets.plan import Front, Plan
from acflib.datasets.streets.weather import Weather, daylight


def paint_sky(canvas: Canvas, camera: Camera, clouds: list[tuple[float, float, float]]) -> None:
    """Sky everywhere, brighter toward the horizon; ``clouds`` are (u, v, half width)."""
    canvas.labels[:] = ID["sky"]
    canvas.instances[:] = ID["sky"]
    canvas.shade[:] = 0.9 + 0.45 * canvas.v / camera.horizon
    for u, v, size in clouds:
        canvas.tint(u - size, v - size / 5, u + size, v + size / 5, 1.2)
        canvas.tint(u - size / 2, v - size / 3, u + size / 2, v + size / 6, 1.15)


def paint_ground(canvas: Canvas, camera: Camera, plan: Plan) -> None:
    """Everything below the horizon: the bands of the plan, with lane marks, curbs, paving joints and rails."""
    first = int(np.searchsorted(canvas.v[:, 0], camera.horizon, side="right"))
    z = camera.focal * camera.height / (canvas.v[first:] - camera.horizon)  # (rows, 1)
    x = (canvas.u - camera.center) * z / camera.focal  # (rows, W)
    edges = [edge for edge, _ in plan.bands[1:]]
    labels = np.array([label for _, label in plan.bands], dtype=np.uint8)[np.searchsorted(edges, x)]
    canvas.labels[first:], canvas.instances[first:], canvas.depth[first:] = labels, labels, z
    canvas.shade[first:] = _ground_shade(canvas, camera, plan, x, z, labels)


def _ground_shade(
    canvas: Canvas, camera: Camera, plan: Plan, x: np.ndarray, z: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Brightness pattern of the ground: marks and joints, which fade where they get thinner than a pixel."""
    shade = np.ones_like(x)
    pixel = z / camera.focal / canvas.v.size  # its width on the ground
    for mark, dashed in ((plan.center_line, True), (plan.road[0] + 0.35, False), (plan.road[1] - 0.35, False)):
        on_mark = np.abs(x - mark) < np.maximum(0.09, 0.4 * pixel)
        shade[on_mark & ((z + plan.dash) % 6 < 3) if dashed else on_mark] = 1.7
    if plan.crossing is not None:  # the white bars of a zebra crossing
        bars = (np.abs(z - plan.crossing) < 1.3) & (np.abs(x * 2 - sum(plan.road)) < plan.road[1] - plan.road[0] - 0.6)
        shade[bars & (x % 1.1 < 0.55)] = 1.65
    paving = labels == ID["sidewalk"]
    across = 1 - 0.28 * np.minimum(1, 0.12 / (z * pixel / camera.height + 0.02))
    shade = np.where(paving & ((z + plan.dash) % 1.2 < 0.14), across, shade)
    shade = np.where(paving & (x % 1.0 < 0.1), 1 - 0.28 * np.minimum(1, 0.1 / (pixel + 0.02)), shade)
    curb = np.minimum(np.abs(x - plan.road[0]), np.abs(x - plan.road[1])) < np.maximum(0.13, 0.4 * pixel)
    shade[curb & paving] = 0.6
    if plan.rails is not None:
        shade[np.abs(np.abs(x - plan.rails) - 0.72) < np.maximum(0.06, 0.3 * pixel)] = 0.45
    return shade


def paint_skyline(canvas: Canvas, camera: Camera, blocks: list[tuple[float, float, float, bool]]) -> None:
    """Far houses and trees on the horizon: (u of the middle, half width, height in image heights, is a tree)."""
    for u, half, height, tree in blocks:
        v = camera.horizon
        if tree:
            canvas.ellipse(u - half, v - height, u + half, v + height / 3, ID["vegetation"], 0.85, depth=90.0)
        else:
            corners = [(u - half, v - height), (u + half, v - height), (u + half, v + 0.008), (u - half, v + 0.008)]
            canvas.fill(*canvas.inside(corners), ID["building"], 1.1, depth=90.0)


def paint_fronts(canvas: Canvas, camera: Camera, x: float, fronts: list[Front], weather: Weather) -> None:
    """One side of the street, from far to near: the face along the street, then the face toward the camera."""
    for front in sorted(fronts, key=lambda front: -front.z0):
        _paint_along(canvas, camera, x, front, weather)
        _paint_facing(canvas, camera, x, front, weather)


def paint_street_end(canvas: Canvas, camera: Camera, front: Front, weather: Weather) -> None:
    """Something that closes the street: the same kinds, across the whole view."""
    u0, u1 = canvas.u[0, 0] - 1, canvas.u[0, -1] + 1
    _paint_plane(canvas, camera, front, u0, u1, None, weather)


def _paint_along(canvas: Canvas, camera: Camera, x: float, front: Front, weather: Weather) -> None:
    """The face along the street, on the plane at ``x``."""
    near, far = (camera.center + camera.focal * x / z for z in (front.z0, front.z1))
    _paint_plane(canvas, camera, front, min(near, far), max(near, far), x, weather)


def _paint_facing(canvas: Canvas, camera: Camera, x: float, front: Front, weather: Weather) -> None:
    """The face toward the camera, from ``x`` outward, at depth z0."""
    corner = camera.center + camera.focal * x / front.z0
    outside = corner + (3 if x > 0 else -3)
    _paint_plane(canvas, camera, front, min(corner, outside), max(corner, outside), None, weather)


def _paint_plane(
    canvas: Canvas, camera: Camera, front: Front, u0: float, u1: float, x: float | None, weather: Weather
) -> None:
    """Paint the plane at ``x`` along the street, or (None) the plane at depth z0 across it, from u0 to u1."""
    columns = canvas.box(u0, -1, u1, 2)[1]
    u = canvas.u[:, columns] - camera.center
    if u.size == 0:
        return
    z = np.full_like(u, front.z0) if x is None else camera.focal * x / u  # (1, columns)
    nearest = z.min()
    highest, lowest = (camera.project(0, y, nearest)[1] for y in (1.1 * front.height, -0.1))
    rows = canvas.box(u0, highest, u1, lowest)[0]
    y = camera.height - (canvas.v[rows] - camera.horizon) * z / camera.focal  # (rows, columns)
    along = u * z / camera.focal if x is None else z
    top: float | np.ndarray = front.height
    if front.kind == "vegetation":  # a hedge with a wavy top
        wave = np.abs((along * 0.7 + front.phase) % 2 - 1)
        top = front.height * (0.85 + 0.2 * wave * wave * (3 - 2 * wave))
    elif front.kind == "fence":  # pointed pickets
        top = front.height - 0.25 * np.abs((along + front.phase) % 0.8 - 0.4) / 0.4
    normal = (0, -1) if x is None else (-1 if x > 0 else 1, 0)
    light = daylight(weather, *normal)
    a, high = (along + front.phase).astype(np.float32), y.astype(np.float32)  # exact enough for a shade
    if front.kind == "building":
        shade = _house_shade(front, a, high, weather.lamps, light)
    else:
        shade = _fence_shade(front, a, high) * np.float32(light)
    shade *= np.clip(0.75 + high / 6, 0.75, 1)  # darker at the foot
    canvas.fill((rows, columns), (y >= 0) & (y <= top), ID[front.kind], shade, depth=z)


def _house_shade(front: Front, a: np.ndarray, y: np.ndarray, lamps: float, light: float) -> np.ndarray:
    """Brightness of a house, float32 (rows, columns): windows with sills, doors, eaves. a and y as in ``_fence_shade``.

    Behind some windows hangs a blind; when the lamps burn outside, so do those behind some windows.
    """
    shade = np.full(np.broadcast_shapes(a.shape, y.shape), light, dtype=np.float32)
    column, floor = a % 2.6, y % 3.0
    window = ((column > 0.7) & (column < 2.0)) & ((floor > 0.9) & (floor < 2.4) & (y < front.height - 0.5))
    shade[window] = (0.35 if lamps else 0.5) * light
    shade[((column > 0.6) & (column < 2.1)) & ((floor > 0.72) & (floor < 0.9))] = 1.25 * light  # sills
    number = (np.floor(a / 2.6) * 7 + np.floor(y / 3.0) * 3) % 5
    if lamps:
        shade[window & (number < (2 if lamps > 0.5 else 1))] = LAMP
    else:
        shade[window & (number < 1)] = 1.45 * light
    shade[((a % 7.8 > 3.0) & (a % 7.8 < 4.4)) & (y < 2.3)] = 0.35 * light  # doors
    shade[np.broadcast_to(y > front.height - 0.35, shade.shape)] = 0.6 * light  # eaves
    return shade


def _fence_shade(front: Front, a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brightness of a wall, fence or hedge: bricks, pickets, leaves. a runs along it, y is height (meters), float32."""
    shade = np.ones(np.broadcast_shapes(a.shape, y.shape), dtype=np.float32)
    if front.kind == "wall":
        course = np.floor(y / 0.55)
        shade[(y % 0.55 < 0.13) | ((a + 0.6 * (course % 2)) % 1.2 < 0.13)] = 0.7
        shade[np.broadcast_to(y > front.height - 0.25, shade.shape)] = 1.4  # coping
    elif front.kind == "fence":
        shade[np.broadcast_to(a % 0.8 < 0.34, shade.shape)] = 0.55
        rail = (np.abs(y - 0.4) < 0.12) | (np.abs(y - 1.15) < 0.12)
        shade[np.broadcast_to(rail, shade.shape)] = 1.35
    else:
        shade *= 0.8 + 0.35 * y / front.height
    return shade
