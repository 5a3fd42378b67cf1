"""A street and the things in it, before they are painted."""

from collections.abc import Callable
from dataclasses import dataclass, field

from acflib.datasets.labels import CITYSCAPES_LABELS, ID
from acflib.datasets.streets.paint import Camera, Pen
from acflib.datasets.streets.plan import Dice, Front, Plan
from acflib.datasets.streets.shadows import Box

HAS_INSTANCES = {label.name for label in CITYSCAPES_LABELS if label.has_instances}


@dataclass(frozen=True)
class Thing:
    """Something that stands on the ground.

    Attributes:
        label, instance: as on the canvas.
        x, z: where its pen starts.
        draw: draws it.
        base: half the width of its foot, in meters; 0 for what hangs on something else.
        boxes: what its shadow is that of; without boxes the shadow is its own outline.
        pen: settings of the pen.
    """

    label: int
    instance: int
    x: float
    z: float
    draw: Callable[[Pen], None]
    base: float
    boxes: tuple[Box, ...]
    pen: dict[str, bool]


@dataclass
class StreetScene:
    """A street and all that stands in it. Nothing in it depends on the weather or on the size of the picture.

    Attributes:
        dice: the random numbers it is drawn with.
        camera, plan: the view and the ground.
        clouds, skyline: see ``ground``.
        rows: (x, houses and fences) of both sides.
        end: what closes the street, or None.
        bonnet: v of the upper edge of the car that carries the camera.
        things: what stands on the ground, in no order.
        lamps: (x, y, z) of the street lamps.
        counts: number of instances per class.
    """

    dice: Dice
    camera: Camera
    plan: Plan
    clouds: list[tuple[float, float, float]]
    skyline: list[tuple[float, float, float, bool]]
    rows: list[tuple[float, list[Front]]]
    end: Front | None
    bonnet: float
    things: list[Thing] = field(default_factory=list)
    lamps: list[tuple[float, float, float]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        name: str,
        z: float,
        x: float,
        draw: Callable[[Pen], None],
        base: float = 0.0,
        boxes: tuple[Box, ...] = (),
        **pen: bool,
    ) -> None:
        """Add a thing of class ``name`` whose pen starts at (x, z)."""
        number = ID[name]
        instance = number
        if name in HAS_INSTANCES:
            instance = number * 1000 + self.counts.get(name, 0)
            self.counts[name] = self.counts.get(name, 0) + 1
        self.things.append(Thing(number, instance, x, z, draw, base, boxes, pen))
