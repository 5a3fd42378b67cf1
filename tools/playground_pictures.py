"""Take pictures of the playground in both themes: docs/images/playground.webp and playground_dark.webp.

    python tools/playground_pictures.py [--site FOLDER]

Needs a Chromium and playwright, as tests/browser does, and npm unless a site is there. A street of 256x128 with a wrong
stroke on its coarse guess.
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
from acflib.site.build import build_site  # noqa: E402
from tests.browser import lab  # noqa: E402
from tests.browser.playground import Playground  # noqa: E402
from tools.export_figures import write_pictures  # noqa: E402
from tools.widget_pictures import file_of  # noqa: E402

VIEW = {"width": 1240, "height": 1400}
# Road across the houses; the marked pixel lies on a car.
STATE = "#picture=street-3&pixel=70,52&edits=s0.14.300,200_40,2150"


def take_pictures(site: Path) -> Iterator[tuple[str, Image.Image]]:
    """Name and picture in each theme."""
    from playwright.sync_api import sync_playwright

    port = lab.free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(site)]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as log, lab.serving(command, address, Path(log) / "log"), sync_playwright() as p:
        browser = lab.launch(p)
        for scheme, ending in (("light", ""), ("dark", "_dark")):
            play = Playground(browser, address, STATE, viewport=VIEW, color_scheme=scheme)
            yield f"playground{ending}", photograph(play)
            play.close()
        browser.close()


def photograph(play: Playground) -> Image.Image:
    """The part of the page below the choice of pictures."""
    return Image.open(io.BytesIO(play.page.locator("#play").screenshot())).convert("RGB")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, help="a site that was built before; otherwise one is built")
    given = parser.parse_args(arguments)
    try:
        if reason := lab.missing():
            raise ConfigError(reason)
        with tempfile.TemporaryDirectory() as folder:
            site = given.site
            if site is None:
                site = build_site(Path(folder) / "site", "streets-acf-sum", "streets-baseline", lessons=False).parent
            pictures = ((f"{name}.webp", file_of(shown, "webp")) for name, shown in take_pictures(site))
            write_pictures(ROOT / "docs" / "images", pictures)
    except (AcflibError, OSError) as error:
        print(f"playground_pictures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
