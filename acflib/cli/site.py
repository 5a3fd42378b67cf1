"""``acflib site``: the playground and the lessons as static pages."""

import argparse
import sys
from dataclasses import dataclass

from acflib.cli.app import STREETS, STREETS_BASELINE
from acflib.cli.common import CHECKPOINT
from acflib.options import from_flags, option


@dataclass(frozen=True)
class SiteConfig:
    """``acflib site``."""

    checkpoint: str = option(STREETS, f"{CHECKPOINT}; it needs class centers")
    baseline: str | None = option(None, f"a network for the first map; none: {STREETS_BASELINE} beside {STREETS}")
    out: str = option("site", "folder to write; an older site in it is replaced")
    runtime: str | None = option(None, "folder dist of onnxruntime-web; none: npm brings it")
    lessons: bool = option(True, "also write lessons, documents and library reference")


def run_site(given: argparse.Namespace) -> int:
    """``acflib site``: write the folder, say how to open it.

    Raises:
        ConfigError: something to build with is missing, or the network or the folder does not fit.
        CheckpointError, TrainingError: a network cannot be read, or a file cannot be written.
    """
    from acflib.site.build import build_site

    config = from_flags(SiteConfig(), given)
    baseline = STREETS_BASELINE if config.baseline is None and config.checkpoint == STREETS else config.baseline

    def say(text: str) -> None:
        print(f"acflib site: {text}", file=sys.stderr, flush=True)

    build_site(config.out, config.checkpoint, baseline, config.runtime, config.lessons, say)
    print(
        f"The site is in {config.out}. To open it: python -m http.server 8000 --bind 127.0.0.1 --directory {config.out}"
    )
    print("then http://127.0.0.1:8000/ in a browser. Any static host can serve the folder.")
    return 0
