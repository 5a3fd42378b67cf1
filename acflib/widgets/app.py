"""The three widgets in one page, for ``acflib app``."""

from collections.abc import Sequence
from pathlib import Path

import ipywidgets

from acflib.datasets.labels import CITYSCAPES_CLASSES, TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.errors import AcflibError
from acflib.predict.pretrained import load_pretrained
from acflib.widgets.attention import AttentionViewer
from acflib.widgets.explorer import SimilarityExplorer
from acflib.widgets.lab import ClassCenterLab
from acflib.widgets.photographs import load_photograph
from acflib.widgets.scene import Picture

STREET_SEEDS = (3, 7, 11, 12, 20, 21)  # the streets of lessons 13 and 14
STREET_SIZE = (256, 128)


def make_app(checkpoint: str, baseline: str | None = None, photographs: Sequence[str] = ()) -> ipywidgets.Widget:
    """Tabs with the explorer, the laboratory and the attention viewer.

    Args:
        checkpoint: path of a checkpoint, or the name of pretrained weights.
        baseline: the same for the explorer's first map, or None.
        photographs: paths of pictures to choose from; generated streets, if there are none.

    Returns:
        The tabs; where a file cannot be read, a line of text that says so.
    """
    try:
        model = load_pretrained(checkpoint)
        other = None if baseline is None else load_pretrained(baseline)
        gallery = [Picture(Path(path).name, load_photograph(path)) for path in photographs]
    except AcflibError as error:
        return ipywidgets.Label(str(error))
    gallery = gallery or generated_streets(with_truth=tuple(model.info["classes"]) == CITYSCAPES_CLASSES)
    tabs = {
        "Similarity explorer": SimilarityExplorer(model, baseline=other, gallery=gallery),
        "Class center laboratory": ClassCenterLab(model, gallery=gallery),
        "Attention viewer": AttentionViewer(model, gallery=gallery),
    }
    found = ipywidgets.Tab(children=list(tabs.values()), titles=list(tabs))
    found.add_class("acf-app")
    # A tab that is opened shows the picture and the pixel of the one that was left.
    found.observe(lambda change: found.children[change["new"]].follow(found.children[change["old"]]), "selected_index")
    return found


def generated_streets(with_truth: bool = True) -> list[Picture]:
    """Streets of the generated data set; with their ground truth, which is for networks of the 19 classes alone."""
    streets = {seed: render_street(seed, *STREET_SIZE) for seed in STREET_SEEDS}
    truths = {seed: TRAIN_ID_OF_ID[s.label_ids] if with_truth else None for seed, s in streets.items()}
    return [Picture(f"street {seed}", s.image, truths[seed]) for seed, s in streets.items()]
