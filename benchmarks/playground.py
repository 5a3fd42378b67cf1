"""How long the playground of ``acflib site`` takes on this computer: to its first picture, for a click, for a stroke.

    python benchmarks/playground.py [--site FOLDER] [--out results/benchmarks/playground.json]

Measured in Chromium without a window, from a plain file server on loopback. First picture: from the opening of a page
in a fresh browser context to the frame after the one in which the fine result was painted. Click and stroke: from the
pointer's event to the frame after the one in which the maps (the fine result) were painted. Picture: a street of
256x128. The exit status does not depend on the times: they are for reading, never for a test.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for tests.browser

from acflib.engine.machine import write_result  # noqa: E402
from acflib.errors import ConfigError  # noqa: E402
from acflib.site.build import build_site  # noqa: E402
from tests.browser import lab  # noqa: E402
from tests.browser.playground import Playground  # noqa: E402

GOALS = {"first_picture": 3000, "click_to_map": 50, "stroke_to_fine": 150}  # ms, medians
SIZE = (128, 256)
# Notes when a pointer event came and when its answer was on the screen: two frames after the page said so.
PROBE = """
() => {
  window.times = [];
  let asked = null;
  for (const name of ["pointerdown", "pointermove"])
    addEventListener(name, (event) => { if (event.buttons) asked = performance.now(); }, true);
  new MutationObserver(() => {
    const from = asked;
    if (from === null) return;
    requestAnimationFrame(() => requestAnimationFrame(() => window.times.push(performance.now() - from)));
  }).observe(document.getElementById("play"), { attributes: true, attributeFilter: ["data-version"] });
}
"""
FIRST = """
new MutationObserver((_, watch) => {
  const play = document.getElementById("play");
  if (!play || !play.dataset.version) return;
  watch.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => (window.first = performance.now())));
}).observe(document, { subtree: true, childList: true, attributes: true });
"""


def summary(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile, ms."""
    p95 = statistics.quantiles(times, n=20)[-1]
    return {"median_ms": statistics.median(times), "p95_ms": p95, "repeats": len(times)}


def first_pictures(browser, address: str, repeats: int) -> list[float]:
    """From the start of the navigation, with nothing in the browser's cache."""
    times = []
    for _ in range(repeats):
        page = browser.new_context().new_page()
        page.add_init_script(FIRST)
        page.goto(address)
        while (found := page.evaluate("window.first || null")) is None:
            time.sleep(0.02)
        times.append(found)
        page.context.close()
    return times


def answers(play: Playground, repeats: int, drag: bool) -> list[float]:
    """Of clicks on random pixels; or of strokes across the coarse guess, from their last movement on."""
    random = np.random.default_rng(0)
    stack, times = play.panel("Coarse guess" if drag else "Picture"), []
    for _ in range(repeats + 3):
        pixel = tuple(int(random.integers(side)) for side in SIZE)
        play.page.evaluate("() => { window.times.length = 0; }")
        play.page.mouse.move(*lab.point_of(stack, (pixel[0], 0) if drag else pixel, SIZE))
        play.page.mouse.down()
        if drag:
            play.page.mouse.move(*lab.point_of(stack, pixel, SIZE), steps=6)
        play.page.mouse.up()
        play.settle()
        play.page.wait_for_timeout(150)
        times.append(play.page.evaluate("() => window.times.at(-1)"))
    return times[3:]  # the first ones warm up


def measure(site: Path, repeats: int) -> tuple[dict[str, dict[str, float]], str]:
    """All times, and the version of the browser."""
    from playwright.sync_api import sync_playwright

    port = lab.free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(site)]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as log, lab.serving(command, address, Path(log) / "log"), sync_playwright() as p:
        browser = lab.launch(p)
        found = {"first_picture": summary(first_pictures(browser, address, max(5, repeats // 5)))}
        play = Playground(browser, address)
        play.page.evaluate(PROBE)
        found["click_to_map"] = summary(answers(play, repeats, drag=False))
        found["stroke_to_fine"] = summary(answers(play, repeats, drag=True))
        version = browser.version
        browser.close()
    return found, version


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--site", type=Path, help="a site that was built before; otherwise one is built")
    parser.add_argument("--out", type=Path, help="also write the numbers to this JSON file")
    arguments = parser.parse_args()
    if reason := lab.missing():
        raise ConfigError(reason)
    with tempfile.TemporaryDirectory() as folder:
        site = arguments.site
        if site is None:
            site = build_site(Path(folder) / "site", "streets-acf-sum", "streets-baseline", lessons=False).parent
        results, version = measure(site, arguments.repeats)
    print(f"{'':20}{'median (ms)':>12}{'95th percentile':>18}{'goal, median below':>21}")
    for name, found in results.items():
        found["goal_ms"] = GOALS[name]
        print(f"{name:20}{found['median_ms']:12.0f}{found['p95_ms']:18.0f}{found['goal_ms']:21}")
    if arguments.out:
        settings = {"repeats": arguments.repeats, "picture": "256x128", "chromium": version}
        write_result(arguments.out, "python benchmarks/playground.py", settings=settings, results=results)


if __name__ == "__main__":
    main()
