"""What the front page says with numbers of its own: of the shipped networks, of the study, of the network it runs."""

import re
from pathlib import Path

import torch

from acflib.acfnet import ACFNet, evaluation_mode
from acflib.errors import AcflibError
from acflib.layers.field import theoretical_extent
from acflib.predict.pretrained import pretrained_info

OF_THE_PAGE = "streets-acf-sum"
STRIP = 32  # rows: how far a feature sees across does not depend on the height of a picture
RIVALS = {  # trained on the same scenes for as long; what stands in the place of the class centers
    "streets-global": "the mean of the whole picture in place of the class centers",
    "streets-self": "each pixel’s own feature in their place",
    "streets-baseline": "no second decision",
}


def across(model: ACFNet, size: tuple[int, int]) -> int:
    """How many pixels across a feature of the network sees; ``size`` is (width, height) of a picture."""
    strip = torch.zeros(1, 3, min(size[1], STRIP), size[0])
    with evaluation_mode(model.base):
        return theoretical_extent(model.base, strip, 3)


def sees(model: ACFNet, size: tuple[int, int]) -> str:
    """The same in a sentence."""
    return f"Its base network, the layers before class centers, sees {across(model, size)} pixels across, of {size[0]}."


def piece(model: ACFNet, size: tuple[int, int]) -> str:
    """The same for the first lines of the page, in brackets; nothing where the network can see all of a street."""
    pixels = across(model, size)
    return f" (here {pixels} of {size[0]} pixels across)" if pixels < size[0] else ""


def name_of(model: ACFNet) -> str:
    """OF_THE_PAGE where these are its weights; empty for all others, whatever their folder is called."""
    try:
        return OF_THE_PAGE if model.info.get("sha256") == pretrained_info(OF_THE_PAGE)["sha256"] else ""
    except AcflibError:
        return ""


def scores_beside(name: str, split: str = "test") -> dict[str, float]:
    """Scores of the network of the page and of those without class centers; empty for another network."""
    if name != OF_THE_PAGE:
        return {}
    try:
        return {each: pretrained_info(each)["metrics"][split]["miou_fine"] for each in (name, *RIVALS)}
    except (AcflibError, KeyError):
        return {}


def rivals(name: str) -> str:
    """Test scores of networks without class centers beside that of the page; nothing for another network."""
    scores = scores_beside(name)
    if not scores:
        return ""
    listed = "; ".join(f"with {what} {scores[each]:.1f}" for each, what in RIVALS.items())
    miou = "an mIoU (overlap of found and true areas, mean of all classes)"
    own = f"On 100 test scenes this network has {miou} of {scores[name]:.1f}."
    val = scores_beside(name, "val")
    on_val = ", ".join(f"{val[each]:.1f}" for each in (name, *RIVALS)) if val else ""
    return f"{own} Others, trained anew: {listed}. One training each{f'; on val {on_val}' if on_val else ''}."


def with_and_without(name: str) -> str:
    """The same for the first lines of the page, with class centers and without; nothing for another network."""
    scores = scores_beside(name)
    if not scores:
        return ""
    without = f"an equal network without class centers {scores['streets-self']:.1f}"
    return f"On 100 test streets it scores {scores[name]:.1f} of 100 (mIoU), {without}."


def doubts(results: Path) -> str:
    """What the study has against class centers as the reason of the gain; nothing that RESULTS.md does not show."""
    told, own, mean = (
        gains(results, f"{heading} − self").get("own, 47") for heading in ("presence given: sum", "sum", "global")
    )
    if not own:
        return ""
    rival = f", the mean of the whole picture {mean_of(mean[1]):.1f}" if mean else ""
    more = mean and mean_of(mean[1]) > mean_of(own[1])
    nothing = told and gain_in_words(told[1]) == "none is shown"
    if not more and not nothing:
        return ""
    gained = f": in our study of smaller pictures they gained {mean_of(own[1]):.1f} points"
    return gained + (rival if more else "") + ("; told which classes occur, they gained nothing" if nothing else "")


def presence_given(results: Path) -> str:
    """What is left of the study's gains where each pixel is told which classes occur, as RESULTS.md has it."""
    found = gains(results, "presence given: sum − self")
    near, far = found.get("own, 47"), found.get("own, 239")
    if not near or not far:
        return ""
    return (
        "Where each pixel is told which classes occur in the picture, and chooses among those alone, this gain is "
        f"{near[1]} at 47 ({gain_in_words(near[1])}) and {far[1]} at 239 ({gain_in_words(far[1])}). "
        f"±: 95 % interval over {near[2]} trainings."
    )


def gain_in_words(gain: str) -> str:
    """What a gain with its interval says: a gain, a loss, or neither."""
    mean, half = mean_of(gain), float(gain.split("± ")[1])
    return "none is shown" if abs(mean) <= half else "a gain" if mean > 0 else "a loss"


def all_centers(results: Path) -> str:
    """What the head gains in the study that hands all class centers to every pixel, as RESULTS.md has it."""
    plain, told = (
        gains(results, heading).get("own, 47") for heading in ("center − self", "presence given: center − self")
    )
    if not plain or not told:
        return ""
    return (
        f"A head that hands all class centers to every pixel gained {plain[1]} (told which classes occur "
        f"{told[1]}); but it is a larger head, and none of its size without classes was run. "
    )


def without_classes(results: Path) -> str:
    """What a look at the whole picture without classes gains in the study, as RESULTS.md has it."""
    found, centers = (gains(results, f"{row} − self").get("own, 47") for row in ("global", "sum"))
    if not found:
        return ""
    said = f"A head with the mean of the whole picture, which knows no classes, gained {found[1]} at 47"
    more = centers and mean_of(found[1]) > mean_of(centers[1])
    return f"{said}: more, so class centers need not be the reason. " if more else f"{said}. "


def mean_of(text: str) -> float:
    return float(text.split(" ±")[0].replace("−", "-"))


def gains(results: Path, heading: str) -> dict[str, re.Match[str] | None]:
    """World and field -> number and seeds, from one column of a table of RESULTS.md; None where it was not run."""
    text = results.read_text(encoding="utf-8") if results.is_file() else ""
    rows = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    heads = next((row for row in rows if row[0] == "world, field" and heading in row), None)
    if heads is None:
        return {}
    number = re.compile(r"([+−]\d+\.\d+ ± \d+\.\d+), n = (\d+)")
    return {row[0]: number.match(row[heads.index(heading)]) for row in rows if len(row) == len(heads)}
