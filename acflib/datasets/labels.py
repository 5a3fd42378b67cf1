"""Names, numbers and colors of the classes: the official Cityscapes table, and CamVid's eleven classes.

Two numberings meet here and are often mixed up. A label file of Cityscapes holds *ids* (0 to 33). A network is trained
on *train ids* (0 to 18), and everything else is 255, which means: ignore this pixel.
"""

from dataclasses import dataclass

import numpy as np

from acflib.functional import IGNORE_INDEX

UNKNOWN = 254  # what the lookups below give for a value that no label has


@dataclass(frozen=True)
class Label:
    """One row of the Cityscapes table.

    Attributes:
        name: name of the class.
        id: value in ``*_labelIds.png`` (-1 for license plates, which no file holds).
        train_id: number the network learns, 0 to 18; 255 or -1 for classes that are ignored.
        category: group of classes, such as "vehicle".
        has_instances: whether single objects are told apart in ``*_instanceIds.png``.
        ignore_in_eval: whether the official evaluation leaves the class out.
        color: official (red, green, blue), each 0 to 255.
    """

    name: str
    id: int
    train_id: int
    category: str
    has_instances: bool
    ignore_in_eval: bool
    color: tuple[int, int, int]


# The official table, row by row (cityscapesscripts.helpers.labels; a test compares the two).
CITYSCAPES_LABELS: tuple[Label, ...] = (
    Label("unlabeled", 0, 255, "void", False, True, (0, 0, 0)),
    Label("ego vehicle", 1, 255, "void", False, True, (0, 0, 0)),
    Label("rectification border", 2, 255, "void", False, True, (0, 0, 0)),
    Label("out of roi", 3, 255, "void", False, True, (0, 0, 0)),
    Label("static", 4, 255, "void", False, True, (0, 0, 0)),
    Label("dynamic", 5, 255, "void", False, True, (111, 74, 0)),
    Label("ground", 6, 255, "void", False, True, (81, 0, 81)),
    Label("road", 7, 0, "flat", False, False, (128, 64, 128)),
    Label("sidewalk", 8, 1, "flat", False, False, (244, 35, 232)),
    Label("parking", 9, 255, "flat", False, True, (250, 170, 160)),
    Label("rail track", 10, 255, "flat", False, True, (230, 150, 140)),
    Label("building", 11, 2, "construction", False, False, (70, 70, 70)),
    Label("wall", 12, 3, "construction", False, False, (102, 102, 156)),
    Label("fence", 13, 4, "construction", False, False, (190, 153, 153)),
    Label("guard rail", 14, 255, "construction", False, True, (180, 165, 180)),
    Label("bridge", 15, 255, "construction", False, True, (150, 100, 100)),
    Label("tunnel", 16, 255, "construction", False, True, (150, 120, 90)),
    Label("pole", 17, 5, "object", False, False, (153, 153, 153)),
    Label("polegroup", 18, 255, "object", False, True, (153, 153, 153)),
    Label("traffic light", 19, 6, "object", False, False, (250, 170, 30)),
    Label("traffic sign", 20, 7, "object", False, False, (220, 220, 0)),
    Label("vegetation", 21, 8, "nature", False, False, (107, 142, 35)),
    Label("terrain", 22, 9, "nature", False, False, (152, 251, 152)),
    Label("sky", 23, 10, "sky", False, False, (70, 130, 180)),
    Label("person", 24, 11, "human", True, False, (220, 20, 60)),
    Label("rider", 25, 12, "human", True, False, (255, 0, 0)),
    Label("car", 26, 13, "vehicle", True, False, (0, 0, 142)),
    Label("truck", 27, 14, "vehicle", True, False, (0, 0, 70)),
    Label("bus", 28, 15, "vehicle", True, False, (0, 60, 100)),
    Label("caravan", 29, 255, "vehicle", True, True, (0, 0, 90)),
    Label("trailer", 30, 255, "vehicle", True, True, (0, 0, 110)),
    Label("train", 31, 16, "vehicle", True, False, (0, 80, 100)),
    Label("motorcycle", 32, 17, "vehicle", True, False, (0, 0, 230)),
    Label("bicycle", 33, 18, "vehicle", True, False, (119, 11, 32)),
    Label("license plate", -1, -1, "vehicle", False, True, (0, 0, 142)),
)

ID: dict[str, int] = {label.name: label.id for label in CITYSCAPES_LABELS}  # ID["road"] is 7

# The 19 classes that are learnt, in the order of their train ids.
_LEARNT = sorted((label for label in CITYSCAPES_LABELS if 0 <= label.train_id < 19), key=lambda label: label.train_id)
CITYSCAPES_CLASSES: tuple[str, ...] = tuple(label.name for label in _LEARNT)
CITYSCAPES_COLORS: tuple[tuple[int, int, int], ...] = tuple(label.color for label in _LEARNT)

# The weights in common use for the class-balanced loss, in train-id order. The paper gives no values.
# fmt: off
CITYSCAPES_CLASS_WEIGHTS: tuple[float, ...] = (
    0.8373, 0.9180, 0.8660, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023,
    0.9539, 0.9843, 1.1116, 0.9037, 1.0865, 1.0955, 1.0865, 1.1529, 1.0507,
)
# fmt: on


def _lookup(pairs: list[tuple[int, int]]) -> np.ndarray:
    """A 256-entry uint8 table: ``table[value]`` is the number paired with it, UNKNOWN where there is none."""
    table = np.full(256, UNKNOWN, dtype=np.uint8)
    for value, number in pairs:
        table[value] = number
    table.setflags(write=False)
    return table


# Index them with a whole uint8 label map: TRAIN_ID_OF_ID[label_ids] are its train ids.
TRAIN_ID_OF_ID: np.ndarray = _lookup([(label.id, label.train_id) for label in CITYSCAPES_LABELS if label.id >= 0])
ID_OF_TRAIN_ID: np.ndarray = _lookup([(label.train_id, label.id) for label in _LEARNT] + [(IGNORE_INDEX, 0)])
TRAIN_IDS: np.ndarray = _lookup([(i, i) for i in range(19)] + [(IGNORE_INDEX, IGNORE_INDEX)])

CAMVID_CLASSES: tuple[str, ...] = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
CAMVID_COLORS: tuple[tuple[int, int, int], ...] = (
    (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
    (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
)  # fmt: skip
CAMVID_VOID = 11
CAMVID_TRAIN_IDS: np.ndarray = _lookup([(i, i) for i in range(11)] + [(CAMVID_VOID, IGNORE_INDEX)])
