"""Take pictures of the three widgets in JupyterLab, in its light and its dark theme: docs/images, and talks.

    python tools/widget_pictures.py                                       docs/images/NAME.webp and NAME_dark.webp
    python tools/widget_pictures.py --out slides --kind png --scale 2     twice the pixels, for slides

Needs a Chromium and playwright, as tests/browser does. A real JupyterLab runs on this computer; each view is
photographed as it stands there, with a street of 256x128 and the weights that come with acflib.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from acflib.errors import AcflibError, ConfigError  # noqa: E402
from tests.browser import lab  # noqa: E402
from tools.export_figures import write_pictures  # noqa: E402

# File name, label of the view, and what Python does before the picture is taken.
VIEWS = {
    "similarity_explorer": ("Similarity explorer", 'explorer.pick(35, 91); explorer.pin("A"); explorer.pick(70, 195)'),
    "class_center_lab": ("Class center laboratory", 'lab.paint("road", [(70, 20), (70, 230)], 14); lab.pick(72, 60)'),
    "attention_viewer": ("Attention viewer", "viewer.pick(75, 100)"),
}
THEMES = {"": "JupyterLab Light", "_dark": "JupyterLab Dark"}
VIEWPORT = {"width": 1320, "height": 2000}
CELL = """
import acflib
from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.widgets import AttentionViewer, ClassCenterLab, Picture, SimilarityExplorer

model, baseline = (acflib.load_pretrained(name) for name in ("streets-acf-sum", "streets-baseline"))
streets = [render_street(seed, 256, 128) for seed in (3, 7)]
gallery = [Picture(f"street {i}", s.image, TRAIN_ID_OF_ID[s.label_ids]) for i, s in zip((3, 7), streets)]
explorer = SimilarityExplorer(model, baseline=baseline, gallery=gallery)
lab = ClassCenterLab(model, gallery=gallery)
viewer = AttentionViewer(model, gallery=gallery)
"""


def take_pictures(scale: float) -> Iterator[tuple[str, Image.Image]]:
    """Name and picture of each view in each theme.

    Args:
        scale: pixels of the picture for a CSS pixel.
    """
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        path = Path(name) / "widgets.ipynb"
        shown = ("explorer", "lab", "viewer")
        lab.write_notebook(path, [CELL, *(action for _, action in VIEWS.values()), *shown])
        with lab.jupyterlab(path.parent) as server:
            browser = lab.launch(playwright)
            page = browser.new_context(viewport=VIEWPORT, device_scale_factor=scale).new_page()
            lab.open_notebook(page, server.address, path.name)
            lab.wait_until_run(page, path)
            page.keyboard.press("Control+b")  # without the list of files
            for ending, theme in THEMES.items():
                lab.set_theme(page, theme)
                for file, (label, _) in VIEWS.items():
                    yield f"{file}{ending}", photograph(page, label)
            browser.close()


def photograph(page, label: str) -> Image.Image:
    """A view as it stands on the screen."""
    view = page.locator(f'.acf-root[aria-label="{label}"]').first
    view.scroll_into_view_if_needed()
    page.mouse.move(0, 0)  # no pointer over a panel
    page.wait_for_timeout(500)
    return Image.open(io.BytesIO(view.screenshot(animations="disabled"))).convert("RGB")


def file_of(picture: Image.Image, kind: str) -> bytes:
    """A picture as the bytes of a file: every pixel as it was, in few bytes."""
    file = io.BytesIO()
    if kind == "webp":
        picture.save(file, format="WEBP", lossless=True, quality=100, method=6)
    else:
        picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images", help="folder (default: docs/images)")
    parser.add_argument("--scale", type=float, default=1, help="pixels of the picture for a CSS pixel (default: 1)")
    parser.add_argument("--kind", choices=("webp", "png"), default="webp", help="of file (default: webp, the smaller)")
    given = parser.parse_args(arguments)
    try:
        if reason := lab.missing():
            raise ConfigError(reason)
        pictures = take_pictures(given.scale)
        write_pictures(given.out, ((f"{name}.{given.kind}", file_of(shown, given.kind)) for name, shown in pictures))
    except (AcflibError, OSError) as error:
        print(f"widget_pictures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
