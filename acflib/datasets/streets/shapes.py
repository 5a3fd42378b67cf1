"""The things of Streets: what a car, a rider or a traffic sign looks like, in meters.

A ``*_profile`` is the view from the side, a from 0 to the length of the thing. A ``*_end`` is the view from behind or
from the front, with a = 0 in the middle. The shapes are meant to be told apart by form alone: wheels, windows, lamps.
"""

from acflib.datasets.streets.paint import LAMP, Pen

TIRE, GLASS = 0.22, 0.45  # shades: dark, rather dark


def wheels(pen: Pen, *centers: float, radius: float = 0.36) -> None:
    """Wheels with bright hubs that stand on the ground."""
    for a in centers:
        pen.disc(a, radius, radius, TIRE)
        pen.disc(a, radius, 0.45 * radius, 1.3)


def car_profile(pen: Pen) -> None:
    """4.2 m: a low body, a cabin with two windows."""
    pen.polygon((0.7, 0.85), (1.3, 1.48), (2.9, 1.48), (3.6, 0.85))
    pen.rect(0, 0.3, 4.2, 0.9)
    pen.polygon((1.0, 0.92), (1.4, 1.36), (2.0, 1.36), (2.0, 0.92), shade=GLASS)
    pen.polygon((2.15, 0.92), (2.15, 1.36), (2.8, 1.36), (3.3, 0.92), shade=GLASS)
    wheels(pen, 0.85, 3.35)


def car_end(pen: Pen) -> None:
    """1.8 m wide, 1.5 m high: a window, two lamps, a number plate."""
    pen.rect(-0.85, 0.0, -0.5, 0.4, TIRE)
    pen.rect(0.5, 0.0, 0.85, 0.4, TIRE)
    pen.polygon((-0.84, 0.85), (-0.62, 1.5), (0.62, 1.5), (0.84, 0.85))
    pen.rect(-0.9, 0.28, 0.9, 0.92)
    pen.polygon((-0.68, 0.92), (-0.52, 1.38), (0.52, 1.38), (0.68, 0.92), shade=GLASS)
    pen.rect(-0.88, 0.62, -0.58, 0.82, LAMP)
    pen.rect(0.58, 0.62, 0.88, 0.82, LAMP)
    pen.rect(-0.28, 0.4, 0.28, 0.56, 1.5)
    pen.rect(-0.9, 0.28, 0.9, 0.36, 0.6)


def truck_profile(pen: Pen) -> None:
    """7 m: a tall ribbed box, a lower cab ahead of it, three big wheels."""
    pen.rect(0, 0.45, 7.0, 0.8, 0.5)
    pen.rect(0, 0.8, 5.2, 3.4)
    for a in (0.9, 1.9, 2.9, 3.9):
        pen.rect(a, 0.9, a + 0.22, 3.3, 0.7)
    pen.polygon((5.4, 0.6), (5.4, 2.6), (6.4, 2.6), (7.0, 1.5), (7.0, 0.6), shade=1.1)
    pen.polygon((5.7, 1.5), (5.7, 2.4), (6.3, 2.4), (6.8, 1.5), shade=GLASS)
    wheels(pen, 1.0, 2.1, 6.1, radius=0.5)


def truck_end(pen: Pen) -> None:
    """2.5 m wide, 3.4 m high: two plain doors with bars, no window."""
    pen.rect(-1.1, 0.0, -0.55, 0.8, TIRE)
    pen.rect(0.55, 0.0, 1.1, 0.8, TIRE)
    pen.rect(-1.25, 0.75, 1.25, 3.4)
    pen.rect(-0.06, 0.8, 0.06, 3.35, 0.4)
    pen.rect(-0.75, 0.8, -0.6, 3.35, 0.65)
    pen.rect(0.6, 0.8, 0.75, 3.35, 0.65)
    pen.rect(-1.25, 0.5, 1.25, 0.78, 0.45)
    pen.rect(-1.2, 0.55, -0.9, 0.72, LAMP)
    pen.rect(0.9, 0.55, 1.2, 0.72, LAMP)


def bus_profile(pen: Pen) -> None:
    """11 m: a long box with a row of big windows and two doors."""
    pen.rect(0, 0.4, 11.0, 3.1)
    for a in (0.4, 1.95, 3.5, 5.05, 6.6, 8.15):
        pen.rect(a, 1.5, a + 1.25, 2.6, GLASS)
    pen.rect(9.6, 0.5, 10.7, 2.6, GLASS)
    pen.rect(0, 1.05, 11.0, 1.22, 1.5)
    wheels(pen, 2.4, 8.6, radius=0.5)


def bus_end(pen: Pen) -> None:
    """2.5 m wide, 3.1 m high: one wide window, a bright line number above it, lamps below."""
    pen.rect(-1.1, 0.0, -0.65, 0.5, TIRE)
    pen.rect(0.65, 0.0, 1.1, 0.5, TIRE)
    pen.rect(-1.25, 0.35, 1.25, 3.1)
    pen.rect(-1.08, 1.3, 1.08, 2.45, GLASS)
    pen.rect(-0.75, 2.58, 0.75, 2.95, LAMP)
    pen.rect(-1.15, 0.7, -0.75, 1.0, LAMP)
    pen.rect(0.75, 0.7, 1.15, 1.0, LAMP)
    pen.rect(-1.25, 0.35, 1.25, 0.5, 0.55)


def train_profile(pen: Pen) -> None:
    """20 m: a tram of three cars with bellows, narrow windows and a stripe, and no wheels to be seen."""
    pen.rect(0, 0.15, 20.0, 3.4)
    pen.rect(0, 0.15, 20.0, 0.75, 0.6)
    for a in range(0, 20, 2):
        pen.rect(a + 0.45, 1.6, a + 1.55, 2.7, GLASS)
    pen.rect(0, 3.0, 20.0, 3.4, 1.45)
    pen.rect(6.4, 0.15, 7.1, 3.3, 0.35)
    pen.rect(13.2, 0.15, 13.9, 3.3, 0.35)


def train_end(pen: Pen) -> None:
    """2.6 m wide, 3.6 m high: a round roof, a tall split window, one lamp above and two below, a coupling."""
    pen.bar((-0.7, 3.5), (0.0, 4.3), 0.14, 0.5)
    pen.bar((0.0, 4.3), (0.7, 3.5), 0.14, 0.5)
    pen.polygon((-1.3, 0.2), (1.3, 0.2), (1.3, 3.0), (0.8, 3.6), (-0.8, 3.6), (-1.3, 3.0))
    pen.polygon((-1.05, 1.5), (-0.08, 1.5), (-0.08, 2.8), (-0.85, 2.8), shade=GLASS)
    pen.polygon((0.08, 1.5), (1.05, 1.5), (0.85, 2.8), (0.08, 2.8), shade=GLASS)
    pen.disc(0, 3.2, 0.2, LAMP)
    pen.disc(-0.8, 0.95, 0.22, LAMP)
    pen.disc(0.8, 0.95, 0.22, LAMP)
    pen.rect(-1.3, 0.2, 1.3, 0.55, 0.5)
    pen.rect(-0.3, 0.1, 0.3, 0.5, TIRE)


def bicycle_profile(pen: Pen) -> None:
    """2 m: two big thin wheels, a frame of bars, a saddle."""
    for a in (0.42, 1.58):
        pen.disc(a, 0.42, 0.42, TIRE)
        pen.disc(a, 0.42, 0.32, 1.25)
        pen.disc(a, 0.42, 0.08, TIRE)
    pen.bar((0.42, 0.42), (0.85, 0.95), 0.13)
    pen.bar((0.85, 0.42), (0.8, 1.1), 0.13)
    pen.bar((0.42, 0.42), (0.85, 0.42), 0.13)
    pen.bar((0.85, 0.42), (1.4, 0.95), 0.13)
    pen.bar((0.82, 0.95), (1.4, 0.95), 0.13)
    pen.bar((1.58, 0.42), (1.38, 1.2), 0.13)
    pen.bar((0.62, 1.12), (0.98, 1.12), 0.13, 0.5)
    pen.bar((1.28, 1.22), (1.62, 1.22), 0.12, 0.5)


def bicycle_end(pen: Pen) -> None:
    """A single thin wheel under a handlebar, two pedals, a saddle."""
    pen.rect(-0.13, 0.0, 0.13, 0.8, TIRE)
    pen.rect(-0.28, 0.36, 0.28, 0.48, 0.7)
    pen.rect(-0.09, 0.7, 0.09, 1.15)
    pen.rect(-0.18, 1.0, 0.18, 1.1, 0.5)
    pen.bar((-0.42, 1.18), (0.42, 1.18), 0.14)
    pen.rect(-0.15, 0.8, 0.15, 1.02, LAMP)


def motorcycle_profile(pen: Pen) -> None:
    """2.1 m: two fat wheels, a heavy body, a tank, a bench, a lamp."""
    wheels(pen, 0.42, 1.72, radius=0.4)
    pen.polygon((0.55, 0.45), (0.75, 0.9), (1.4, 0.95), (1.55, 0.45), (1.0, 0.28))
    pen.polygon((0.1, 0.85), (0.15, 1.02), (0.95, 0.95), (0.9, 0.75), shade=0.4)
    pen.polygon((0.9, 0.85), (1.0, 1.12), (1.4, 1.12), (1.5, 0.85), shade=1.25)
    pen.bar((1.72, 0.4), (1.4, 1.2), 0.16, 0.7)
    pen.bar((0.0, 0.4), (0.9, 0.36), 0.16, 1.5)
    pen.disc(1.62, 0.98, 0.17, LAMP)


def motorcycle_end(pen: Pen) -> None:
    """One fat wheel, a fairing with a big lamp, wide handlebars with mirrors."""
    pen.rect(-0.2, 0.0, 0.2, 0.7, TIRE)
    pen.polygon((-0.4, 0.55), (0.4, 0.55), (0.3, 1.15), (-0.3, 1.15))
    pen.disc(0, 0.88, 0.2, LAMP)
    pen.bar((-0.58, 1.14), (0.58, 1.14), 0.16, 0.6)


def rider_profile(pen: Pen) -> None:
    """Sits on a profile: leans forward, one arm to the handlebar, one bent leg."""
    pen.bar((0.85, 1.2), (1.2, 0.85), 0.26, 0.75)
    pen.bar((1.2, 0.88), (1.0, 0.42), 0.2, 0.75)
    pen.polygon((0.62, 1.12), (1.0, 1.1), (1.3, 1.72), (0.95, 1.8))
    pen.bar((1.1, 1.62), (1.45, 1.26), 0.16, 1.2)
    pen.disc(1.22, 1.98, 0.22, 1.3)


def rider_end(pen: Pen) -> None:
    """Sits on an end view: shoulders, both arms spread to the handlebar, knees apart."""
    pen.bar((-0.16, 1.15), (-0.32, 0.5), 0.2, 0.75)
    pen.bar((0.16, 1.15), (0.32, 0.5), 0.2, 0.75)
    pen.polygon((-0.25, 1.1), (0.25, 1.1), (0.34, 1.72), (-0.34, 1.72))
    pen.bar((-0.32, 1.62), (-0.46, 1.22), 0.16, 1.2)
    pen.bar((0.32, 1.62), (0.46, 1.22), 0.16, 1.2)
    pen.disc(0, 1.95, 0.23, 1.3)


def person(pen: Pen, height: float, stride: float) -> None:
    """Walks: two legs, a coat, two arms, a head. ``stride`` is half the distance between the feet, in meters."""
    k = height / 1.75
    pen.bar((-0.08, 0.85 * k), (-stride, 0.0), 0.24, 0.55)
    pen.bar((0.08, 0.85 * k), (stride, 0.0), 0.24, 0.55)
    pen.bar((-0.24, 1.4 * k), (-0.36, 0.8 * k), 0.15, 0.85)
    pen.bar((0.24, 1.4 * k), (0.36, 0.8 * k), 0.15, 0.85)
    pen.polygon((-0.28, 0.7 * k), (0.28, 0.7 * k), (0.26, 1.45 * k), (-0.26, 1.45 * k))
    pen.disc(0, 1.6 * k, 0.2, 1.35)


def pole(pen: Pen, height: float, thickness: float = 0.24) -> None:
    """A post with a foot, lit from one side."""
    pen.rect(-thickness / 2, 0, thickness / 2, height)
    pen.rect(-thickness / 2, 0, 0, height, 0.7)
    pen.rect(-thickness, 0, thickness, 0.25, 0.7)


def street_lamp(pen: Pen, height: float, reach: float) -> None:
    """A tall post whose arm reaches over the street."""
    pole(pen, height)
    pen.bar((0, height), (reach, height + 0.3), 0.2)
    pen.rect(reach - 0.5, height + 0.12, reach + 0.5, height + 0.42, 0.6)


def traffic_light(pen: Pen, y: float, lit: int) -> None:
    """A dark box with three round lamps, one of them lit (0 = lowest)."""
    pen.rect(-0.36, y, 0.36, y + 1.7, 0.55)
    for lamp in range(3):
        pen.disc(0, y + 0.32 + 0.53 * lamp, 0.23, LAMP if lamp == lit else 1.0)


def sign_round(pen: Pen, y: float) -> None:
    """A disc with a bright ring and a bar."""
    pen.disc(0, y, 0.52, 1.6)
    pen.disc(0, y, 0.38)
    pen.rect(-0.26, y - 0.1, 0.26, y + 0.1, 1.7)


def sign_triangle(pen: Pen, y: float) -> None:
    """A triangle with a bright border and a dark mark."""
    pen.polygon((-0.62, y - 0.45), (0.62, y - 0.45), (0, y + 0.6), shade=1.6)
    pen.polygon((-0.38, y - 0.32), (0.38, y - 0.32), (0, y + 0.34))
    pen.rect(-0.07, y - 0.25, 0.07, y + 0.1, 0.3)


def sign_board(pen: Pen, y: float) -> None:
    """A board with two bright lines of writing."""
    pen.rect(-0.75, y - 0.45, 0.75, y + 0.45)
    pen.rect(-0.6, y + 0.1, 0.6, y + 0.26, 1.7)
    pen.rect(-0.6, y - 0.24, 0.3, y - 0.08, 1.7)


def litter_bin(pen: Pen) -> None:
    """A litter bin with a lid."""
    pen.rect(-0.4, 0, 0.4, 1.0, 0.8)
    pen.rect(-0.45, 1.0, 0.45, 1.15, 0.5)


def dog(pen: Pen) -> None:
    """A dog: four legs, a body, a head, a tail."""
    for a in (-0.35, -0.2, 0.2, 0.35):
        pen.rect(a - 0.06, 0, a + 0.06, 0.35, 0.7)
    pen.rect(-0.42, 0.3, 0.42, 0.62)
    pen.bar((-0.42, 0.6), (-0.6, 0.85), 0.1)
    pen.disc(0.5, 0.72, 0.2, 0.8)
