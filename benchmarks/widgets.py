"""How long a click and a stroke take, from the mouse to the painted picture, in a JupyterLab on this computer.

    python benchmarks/widgets.py [--out results/benchmarks/widgets.json]

Measured in the browser (Chromium without a window, driven by playwright): from the pointer's event to the frame after
the one in which the answer was painted. Between lie the message to the kernel, the computation, the message back and
the painting. Picture: a street of 256x128 with the weights that come with acflib. Beside it, without a browser: the
cosine map of one pixel in a feature map of 97x97 and 512 channels (a 769 crop at output stride 8).

The exit status does not depend on the times: they are for reading, never for a test.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for tests.browser.lab

from acflib.engine.machine import write_result  # noqa: E402
from acflib.errors import ConfigError  # noqa: E402
from acflib.similarity import similarity_map, unit_features  # noqa: E402
from tests.browser import lab  # noqa: E402

SIZE = (128, 256)
# ms; what feels like one's own hand.
GOALS = {"cosine_map_97x97x512_scaled_before": 30, "click_to_map": 150, "dab_to_centers": 200, "stroke_to_centers": 200}
CELL = """
import acflib
from acflib.datasets.labels import TRAIN_ID_OF_ID
from acflib.datasets.streets import render_street
from acflib.widgets import ClassCenterLab, SimilarityExplorer

model, baseline = (acflib.load_pretrained(name) for name in ("streets-acf-sum", "streets-baseline"))
street = render_street(3, 256, 128)
widgets = [
    SimilarityExplorer(model, street.image, TRAIN_ID_OF_ID[street.label_ids], baseline=baseline),
    ClassCenterLab(model, street.image, TRAIN_ID_OF_ID[street.label_ids]),
]
"""
# Notes when a pointer event came and when its answer was on the screen: two frames after the widget said so.
PROBE = """
(root) => {
  root.times = [];
  let asked = null;
  for (const name of ["pointerdown", "pointermove"])
    root.addEventListener(name, (event) => { if (event.buttons) asked = performance.now(); }, true);
  new MutationObserver(() => {
    const from = asked;
    if (from === null) return;
    requestAnimationFrame(() => requestAnimationFrame(() => root.times.push(performance.now() - from)));
  }).observe(root, { attributes: true, attributeFilter: ["data-version"] });
}
"""


def summary(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile, ms."""
    return {
        "median_ms": statistics.median(times),
        "p95_ms": statistics.quantiles(times, n=20)[-1],
        "repeats": len(times),
    }


def cosine_maps(repeats: int) -> dict[str, dict[str, float]]:
    """One map, with the features scaled before (what a click costs) and not (what the first one costs)."""
    features = torch.rand(512, 97, 97, generator=torch.Generator().manual_seed(0))
    units = unit_features(features)
    forms = {
        "scaled_before": lambda k: similarity_map(units, k % 97, 5),
        "with_scaling": lambda k: similarity_map(unit_features(features), k % 97, 5),
    }
    found = {}
    for name, form in forms.items():
        times = []
        for k in range(repeats + 2):
            start = time.perf_counter()
            form(k)
            times.append(1e3 * (time.perf_counter() - start))
        found[name] = summary(times[2:])  # the first ones warm up
    return found


def in_browser(repeats: int) -> tuple[dict[str, dict[str, float]], str]:
    """Times of clicks, of dabs of the brush, and of strokes; and the version of the browser."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        path = folder / "widgets.ipynb"
        lab.write_notebook(path, [CELL, "widgets[0]", "widgets[1]"])
        with lab.jupyterlab(folder) as server:
            browser = lab.launch(playwright)
            page = browser.new_page(viewport={"width": 1500, "height": 1050})
            lab.open_notebook(page, server.address, path.name)
            lab.wait_until_run(page, path)
            explorer, laboratory = (
                page.locator(f'.acf-root[aria-label="{label}"]').first
                for label in ("Similarity explorer", "Class center laboratory")
            )
            found = {
                "click_to_map": measure(page, explorer, explorer.locator(".acf-stack").first, repeats, drag=False),
                "dab_to_centers": measure(page, laboratory, brush(laboratory), repeats, drag=False),
                "stroke_to_centers": measure(page, laboratory, brush(laboratory), repeats, drag=True),
            }
            version = browser.version
            browser.close()
    return found, version


def brush(laboratory):
    """The panel to paint on."""
    return laboratory.locator(".acf-paint .acf-stack")


def measure(page, widget, stack, repeats: int, drag: bool) -> dict[str, float]:
    """Times of clicks on random pixels; or of strokes across the panel, from their last movement on."""
    generator = torch.Generator().manual_seed(0)
    stack.scroll_into_view_if_needed()
    widget.evaluate(PROBE)
    times = []
    for _ in range(repeats + 3):
        pixel = tuple(int(torch.randint(side, (), generator=generator)) for side in SIZE)
        version = lab.version_of(widget)
        widget.evaluate("(root) => { root.times.length = 0; }")
        page.mouse.move(*lab.point_of(stack, (pixel[0], 0) if drag else pixel, SIZE))
        page.mouse.down()
        if drag:
            page.mouse.move(*lab.point_of(stack, pixel, SIZE), steps=6)
        page.mouse.up()
        lab.settle(widget, page, version)
        page.wait_for_timeout(250)
        times.append(widget.evaluate("(root) => root.times[root.times.length - 1]"))
    return summary(times[3:])  # the first ones warm up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    arguments = parser.parse_args()
    if reason := lab.missing():
        raise ConfigError(reason)
    torch.set_num_threads(arguments.threads)
    os.environ["NOTEBOOK_THREADS"] = str(arguments.threads)  # of the kernel
    results = {f"cosine_map_97x97x512_{name}": found for name, found in cosine_maps(arguments.repeats).items()}
    times, version = in_browser(arguments.repeats)
    results |= times
    print(f"{'':40}{'median (ms)':>12}{'95th percentile':>18}{'goal, median below':>21}")
    for name, found in results.items():
        found["goal_ms"] = GOALS.get(name)
        goal = "" if found["goal_ms"] is None else str(found["goal_ms"])
        print(f"{name:40}{found['median_ms']:12.1f}{found['p95_ms']:18.1f}{goal:>21}")
    if arguments.out:
        settings = {
            "repeats": arguments.repeats,
            "threads": arguments.threads,
            "picture": "256x128",
            "chromium": version,
        }
        write_result(arguments.out, "python benchmarks/widgets.py", settings=settings, results=results)


if __name__ == "__main__":
    main()
