"""The site: a playground that runs in the browser, and the lessons and documents as pages. A folder of static files.

index.html     the playground         play/  its modules, play/runtime/ onnxruntime-web
404.html       what many servers show in place of a page that is missing
widgets/       what paints, shared with the widgets of the notebooks
data/          base.onnx, head.onnx, baseline.onnx, network.json, pictures
lessons/ docs/ api/   pages to read, where the repository is at hand; search.html over all of them
"""

import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from acflib import __version__
from acflib.acfnet import ACFNet
from acflib.datasets.labels import CITYSCAPES_CLASSES, TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.errors import ConfigError, TrainingError
from acflib.layers.bases import IMAGENET_MEAN, IMAGENET_STD
from acflib.predict.onnx_export import export_onnx, require_packages
from acflib.predict.pretrained import load_pretrained
from acflib.predict.scale import trained_scale
from acflib.site.front import (
    all_centers,
    doubts,
    name_of,
    piece,
    presence_given,
    rivals,
    sees,
    with_and_without,
    without_classes,
)
from acflib.site.runtime import bring_runtime

ROOT = Path(__file__).resolve().parents[2]
STUDY = ROOT / "RESULTS.md"
STATIC = Path(__file__).parent / "static"
PAINTERS = Path(__file__).parents[1] / "widgets" / "static"
VIEWS = ("attention.js", "explorer.js", "lab.js", "frame.js")  # of the notebooks alone
STREET_SEEDS = (3, 7, 11, 12, 20, 21)  # those of lessons 13 and 14
STREET_SIZE = (256, 128)
MAX_SIDE = 512  # of a photograph, in pixels; what two cores segment in about a second
PAGE_PACKAGES = ("nbconvert", "latex2mathml", "pdoc")
LESSONS = {  # page -> how the front page names it
    "lessons/00_start_here.html": "Lesson 00",
    "lessons/10_where_it_helps.html": "lesson 10",
    "lessons/14_what_if.html": "lesson 14",
}
RESULTS, GLOSSARY = "docs/results.html", "docs/glossary.html"
OF_THE_CELL = "Attention P, that of the pixel's cell, can differ from “coarse”."
# What a pixel receives of the class centers, by variant (paper, Eq. 3 and 5, and Table 1).
USE = {
    "sum": f"{OF_THE_CELL} The pixel receives the mean of the class centers, weighted by P.",
    "concat": f"{OF_THE_CELL} The pixel receives the class centers one behind the other, each times its P.",
    "center": "P makes the class centers; each pixel receives all of them, whatever its own P.",
}
MARK = "site.json"  # says that a folder is a site of acflib, and may be replaced
NAVIGATION = {
    "index.html": "Playground",
    "lessons": "Lessons",
    "docs": "Documents",
    "api": "Library",
    "search.html": "Search",
}


def build_site(
    out: str | Path,
    checkpoint: str,
    baseline: str | None = None,
    runtime: str | Path | None = None,
    lessons: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Write the site; an older one in the same place is replaced as a whole, and stays if anything fails.

    Args:
        out: folder to write; new, empty, or an older site.
        checkpoint: path of a checkpoint or name of pretrained weights; a network with class centers.
        baseline: the same for the first similarity map, or None.
        runtime: folder with the files of onnxruntime-web; None fetches them by npm.
        lessons: also write lessons, documents and library reference.
        say: told each step.

    Returns:
        The page to open.

    Raises:
        ConfigError: something to build with is missing, or the network or the folder does not fit.
        CheckpointError, TrainingError: a network cannot be read, or a file cannot be written.
    """
    out = Path(out).absolute()
    check_folder(out)
    require_packages()
    if lessons:
        require_page_packages()
    model = load_pretrained(checkpoint)
    check_network(model, checkpoint)
    base_model = None if baseline is None else load_pretrained(baseline)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".site-", dir=out.parent) as name:
            new = Path(name) / "site"
            say("bringing onnxruntime-web")
            bring_runtime(new / "play" / "runtime", runtime)
            say("writing the networks")
            write_networks(new / "data", model, checkpoint, base_model)
            copy_static(new)
            if lessons:
                from acflib.site.pages import write_pages

                write_pages(new, say)
            fill_front_page(new, model)
            replace_folder(new, out)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error}); free some space, or pass another --out") from error
    return out / "index.html"


def require_page_packages() -> None:
    """Raise ConfigError unless the packages that make lessons and reference into pages are installed."""
    missing = [name for name in PAGE_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"pages of lessons need the package{'s' * (len(missing) > 1)} {', '.join(missing)}: "
            "pip install 'acflib[site]', or pass --no-lessons"
        )


def check_folder(out: Path) -> None:
    """Raise ConfigError if the folder holds something that is not a site of ours."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; pass another --out")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise ConfigError(f"{out}: holds files that are not a site of acflib, and would be lost; pass another --out")


def check_network(model: ACFNet, name: str) -> None:
    """Raise ConfigError unless the page can show the network."""
    if model.acf is None or model.acf.center_block is None:
        variant = None if model.acf is None else model.acf.variant
        raise ConfigError(f"{name}: variant {variant} has no class centers to show; choose sum, concat or center")
    if model.align_corners:
        raise ConfigError(f"{name}: the page resizes as networks with align_corners=False do; this one has True")


def write_networks(data: Path, model: ACFNet, name: str, baseline: ACFNet | None) -> None:
    """The networks as ONNX, what is said of them, and the pictures to choose from."""
    classes, colors = model.info["classes"], model.info["colors"]
    export_onnx(model, data, classes, colors, Path(name).stem, only=("base", "head"))
    if baseline is not None:
        with tempfile.TemporaryDirectory(dir=data) as folder:
            export_onnx(baseline, folder, baseline.info["classes"], baseline.info["colors"], only=("base",))
            os.replace(Path(folder) / "base.onnx", data / "baseline.onnx")
    assert model.acf is not None  # as check_network found
    trained = trained_scale(model.info)
    about = {
        "name": Path(name).stem,
        "classes": list(classes),
        "colors": [list(color) for color in colors],
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "variant": model.acf.variant,
        "baseline": baseline is not None,
        "max_side": MAX_SIDE,
        "trained": None if trained is None else asdict(trained),
        "gallery": write_gallery(data, with_truth=tuple(classes) == CITYSCAPES_CLASSES),
    }
    (data / "network.json").write_text(json.dumps(about), encoding="utf-8")


def write_gallery(data: Path, with_truth: bool) -> list[dict[str, Any]]:
    """Generated streets as PNG, their ground truth as one byte a pixel, and the classes in them, the largest first."""
    gallery: list[dict[str, Any]] = []
    for seed in STREET_SEEDS:
        street = render_street(seed, *STREET_SIZE)
        name = f"street-{seed}"
        Image.fromarray(street.image).save(data / f"{name}.png", optimize=True)
        item: dict[str, Any] = {"name": name, "title": f"street {seed}", "image": f"data/{name}.png", "truth": None}
        if with_truth:
            labels = TRAIN_ID_OF_ID[street.label_ids]
            (data / f"{name}.labels").write_bytes(labels.tobytes())
            counts = np.bincount(labels.flatten(), minlength=256)[: len(CITYSCAPES_CLASSES)]
            item["truth"] = f"data/{name}.labels"
            item["holds"] = [CITYSCAPES_CLASSES[i] for i in np.argsort(-counts, kind="stable") if counts[i]]
        gallery.append(item)
    return gallery


def copy_static(new: Path) -> None:
    """The page itself, and the painters of the notebook widgets."""
    shutil.copytree(PAINTERS, new / "widgets", ignore=shutil.ignore_patterns(*VIEWS))
    shutil.copytree(STATIC, new / "play", dirs_exist_ok=True, ignore=shutil.ignore_patterns("pdoc"))
    for page in ("index.html", "404.html"):
        (new / "play" / page).replace(new / page)


def fill_front_page(new: Path, model: ACFNet) -> None:
    """Fill in the front page, and mark the folder as a site."""
    name = name_of(model)
    page = (new / "index.html").read_text(encoding="utf-8")
    millions = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    page = page.replace("<!-- parameters -->", f"{millions:.1f} million")
    page = page.replace("<!-- links -->", navigation(new, "index.html"))
    lost = (new / "404.html").read_text(encoding="utf-8")
    (new / "404.html").write_text(lost.replace("<!-- links -->", navigation(new, "404.html")), encoding="utf-8")
    assert model.acf is not None  # as check_network found
    use = USE[model.acf.variant]
    page = page.replace("<!-- use -->", f"{use} Joined with its own feature, a small layer decides.")
    page = page.replace("<!-- sees -->", sees(model, STREET_SIZE)).replace("<!-- rivals -->", rivals(name))
    page = page.replace("<!-- piece -->", piece(model, STREET_SIZE)).replace("<!-- doubts -->", doubts(STUDY))
    page = page.replace("<!-- gain -->", with_and_without(name))
    for mark, text in beside_the_page(new).items():
        page = page.replace(f"<!-- {mark} -->", text)
    (new / "index.html").write_text(page, encoding="utf-8")
    (new / MARK).write_text(json.dumps({"acflib": __version__}), encoding="utf-8")


def navigation(new: Path, page: str) -> str:
    """Links to what the site has, for a page at its top."""
    return " ".join(
        f'<a href="{target}{"" if target.endswith(".html") else "/index.html"}"'
        f"{' aria-current=page' * (target == page)}>{title}</a>"
        for target, title in NAVIGATION.items()
        if (new / target).exists()
    )


def beside_the_page(new: Path) -> dict[str, str]:
    """What the front page says with links to lessons and results; nothing of those that the site lacks."""

    def where(target: str, text: str) -> str:
        return text.format(target) if (new / target).exists() else ""

    found = {title: where(page, f'<a href="{{}}">{title}</a>') or title for page, title in LESSONS.items()}
    found["first lesson"] = where(next(iter(LESSONS)), '<a href="{}">New here? Lesson 00</a>')
    found["glossary"] = where(GLOSSARY, '<a href="{}">Glossary</a>')
    study = f"The study: {findings(STUDY)} {presence_given(STUDY)} {without_classes(STUDY)}{all_centers(STUDY)}{{}}."
    found["findings"] = where(RESULTS, study.format('<a href="{}">Results</a>'))
    found["results"] = where(RESULTS, 'See the <a href="{}">Results</a>.')
    return found


def findings(results: Path) -> str:
    """The study in a sentence, with the numbers of its primary endpoint as they stand in RESULTS.md."""
    text = results.read_text(encoding="utf-8") if results.is_file() else ""
    gain = re.findall(r"at (\d+) alone ([+−]\d+\.\d+ ± \d+\.\d+)", text)
    if len(gain) != 2:
        return "how much a head with class centers gains over an equal head without them, and where."
    (small, much), (large, little) = gain
    whole = ", the whole street" if int(large) >= 128 else ""
    return (
        f"on generated streets of 128 x 64 pixels, a head (the last layers, which decide) with class centers gained "
        f"{much} points of mIoU (a score from 0 to 100) over an equal head without them where the base network (the "
        f"layers before it) sees {small} pixels across, {little} where it sees {large}{whole}. (The "
        "network that runs here is another one, on larger streets.)"
    )


def replace_folder(new: Path, out: Path) -> None:
    """Put a finished folder in its place; the older one goes only when the new one is there."""
    older = new.with_name("older")
    if out.exists():
        out.rename(older)
    try:
        new.rename(out)
    except OSError:
        if older.exists():
            older.rename(out)
        raise
