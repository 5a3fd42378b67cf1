"""The playground of ``acflib site`` in a page of a browser: what a hand does there, and the numbers behind it."""

import base64
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from acflib.datasets.transforms import normalize_image
from tests.browser import lab

VIEW = {"width": 1360, "height": 950}
LAPTOP = {"width": 1280, "height": 800}
HASH_MS = 400  # above the delay after which the address is written
# A typed array as text: what a page hands over as numbers takes seconds.
PACK = """
const text = (array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let found = "";
  for (let i = 0; i < bytes.length; i += 8192) found += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(found);
};
"""
NUMBERS = (
    "() => {"
    + PACK
    + """
  const scene = window.acflib.scene();
  const map = ({ values, channels, height, width }) => ({ data: text(values), shape: [channels, height, width] });
  const { found, own, maps } = scene;
  return {
    P: map(own), center_probs: map(maps.centers), attention_probs: map(maps.attention),
    centers: { data: text(found.centers), shape: [own.channels, found.centers.length / own.channels] },
    attended: map(found.attended), fine_features: map(found.fineFeatures), fine_logits: map(found.fine),
    reduced: map(found.reduced), coarse_features: map(scene.features),
  };
}"""
)
PICTURE = (
    "() => {"
    + PACK
    + """
  const scene = window.acflib.scene();
  const { pixels, truth } = scene.picture;
  return { size: scene.size, pixels: text(pixels), truth: truth && text(truth), fine: text(scene.fine) };
}"""
)
DRAWN = (
    "(c) => {"
    + PACK
    + """
  const { data, height, width } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
  return { pixels: text(data), size: [height, width] };
}"""
)


class Playground:
    """A page that was opened; ``foreign`` and ``errors`` hold what must not happen."""

    def __init__(self, browser, address: str, path: str = "", **settings):
        self.address = address
        self.errors, self.foreign = lab.Errors(), []
        self.page = browser.new_context(**{"viewport": VIEW, **settings}).new_page()
        self.errors.watch(self.page)
        self.page.on("request", self._requested)
        self.open(path)

    def _requested(self, request) -> None:
        if not request.url.startswith((self.address, "blob:" + self.address, "data:")):
            self.foreign.append(request.url)

    def open(self, path: str = "") -> None:
        """Open an address of the site, and wait for all networks."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/{path}")
        self.page.locator("body[data-ready=yes]").wait_for(state="attached", timeout=lab.WAIT_MS)
        self.settle()

    def settle(self) -> None:
        """Until all that was asked for is painted."""
        self.page.locator("body[data-busy=no]").wait_for(state="attached", timeout=lab.WAIT_MS)
        self.page.evaluate("async () => { while (window.acflib.settled()) await window.acflib.settled(); }")

    def panel(self, name: str):
        """The picture of a panel by the beginning of its caption."""
        return self.page.locator("figure.acf-panel", has=self.page.get_by_text(name)).locator(".acf-stack")

    def choose(self, name: str) -> None:
        self.page.locator(f"button.thumb[data-name={name}]").click()
        self.page.locator(f"#play[data-picture={name}]").wait_for(state="attached", timeout=lab.WAIT_MS)
        self.settle()

    def upload(self, path: Path) -> None:
        self.page.set_input_files("#file", path)
        self.page.wait_for_timeout(50)
        self.settle()

    def click(self, pixel: tuple[int, int]) -> None:
        self.page.mouse.click(*lab.point_of(self.panel("Picture"), pixel, self.size()))
        self.settle()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()
        self.settle()

    def stroke(self, *pixels: tuple[int, int]) -> None:
        """Drag the brush over the coarse guess through these pixels."""
        stack, mouse = self.panel("Coarse guess"), self.page.mouse
        points = [lab.point_of(stack, pixel, self.size()) for pixel in pixels]
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point, steps=3)
        mouse.up()

    def size(self) -> tuple[int, int]:
        return tuple(self.page.evaluate("() => window.acflib.scene().size"))

    def state(self) -> dict:
        return self.page.evaluate("() => structuredClone(window.acflib.state)")

    def says(self) -> str:
        """The one line of text that is shown, or nothing."""
        lines = [self.page.locator(f"#{name}") for name in ("message", "note")]
        return " ".join(line.text_content() for line in lines if line.is_visible())

    def numbers(self) -> dict[str, torch.Tensor]:
        """All maps of the network, float32, as the page holds them."""
        found = self.page.evaluate(NUMBERS)
        return {
            name: torch.frombuffer(bytearray(base64.b64decode(map_["data"])), dtype=torch.float32).view(*map_["shape"])
            for name, map_ in found.items()
        }

    def picture(self) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """The picture RGB (H, W, 3), its truth, and the fine result, both (H, W), as the page holds them."""
        found = self.page.evaluate(PICTURE)
        height, width = found["size"]
        read = {k: np.frombuffer(base64.b64decode(found[k]), np.uint8) for k in ("pixels", "truth", "fine") if found[k]}
        pixels = read["pixels"].reshape(height, width, 4)[..., :3].copy()
        truth = read["truth"].reshape(height, width) if "truth" in read else None
        return pixels, truth, read["fine"].reshape(height, width)

    def close(self) -> None:
        self.page.context.close()


def batch(pixels: np.ndarray) -> torch.Tensor:
    """A picture as a network takes it, (1, 3, H, W)."""
    return normalize_image(torch.from_numpy(pixels).permute(2, 0, 1))[None]


def draw_photograph(path: Path, size: tuple[int, int], seed: int) -> None:
    """A drawn scene with soft light, a sky, blobs and grain, so that no two pixels are alike as in a photograph."""
    height, width = size
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    light = np.dstack([90 + 90 * rows / height, 120 + 60 * columns / width, 200 - 120 * rows / height])
    image = Image.fromarray(light.astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for _ in range(25):
        y, x, r = random.integers(0, height), random.integers(0, width), random.integers(4, 4 + min(size) // 5)
        pen.ellipse([x - r, y - r, x + 2 * r, y + r], fill=tuple(int(c) for c in random.integers(0, 256, 3)))
    grain = np.asarray(image) + random.normal(0, 6, (height, width, 3))
    Image.fromarray(grain.clip(0, 255).astype(np.uint8)).save(path)


def place_in(box, pixel) -> tuple[float, float]:
    """Where the middle of a pixel of a street lies in the box of a panel that is in view."""
    return box["x"] + (pixel[1] + 0.5) / 256 * box["width"], box["y"] + (pixel[0] + 0.5) / 128 * box["height"]


def heap(page) -> float:
    """MB of the page after a garbage collection."""
    client = page.context.new_cdp_session(page)
    client.send("HeapProfiler.collectGarbage")
    return client.send("Runtime.getHeapUsage")["usedSize"] / 2**20


def drawn(play, title: str, colors) -> np.ndarray:
    """The class map that a panel shows, (H, W), read from its colors."""
    found = play.panel(title).first.locator("canvas").evaluate(DRAWN)
    pixels = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8).reshape(*found["size"], 4)[..., :3]
    return (pixels[:, :, None] == np.array(colors)[None, None]).all(-1).argmax(-1)


def hash_of(play) -> str:
    play.page.wait_for_timeout(HASH_MS)
    return play.page.evaluate("location.hash")


def tour_to(play, step: int) -> None:
    play.page.locator("#tour-start").click()
    for at in range(1, step + 1):
        play.page.locator(f"#tour[data-step='{at}']").wait_for(timeout=60000)
        play.settle()
        if at < step:
            play.page.get_by_role("button", name="Next", exact=True).click()


def text(play, place: str) -> str:
    return play.page.locator(place).text_content()
