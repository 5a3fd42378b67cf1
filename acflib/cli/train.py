"""``acflib train``: train a network, then show its scores and where its files are."""

import argparse
import os
import shlex
import sys
from dataclasses import replace

from acflib import distributed
from acflib.cli.common import DATA, INTERRUPTED, require
from acflib.cli.report import report
from acflib.engine.presets import PRESETS
from acflib.options import from_flags
from acflib.training import train


def run_train(given: argparse.Namespace) -> int:
    """``acflib train``: 0, or 130 (stopped by Ctrl-C, and saved)."""
    config = from_flags(PRESETS[given.preset], given)
    require(config.data, "--data", DATA)
    if "num_classes" not in given:
        config = replace(config, model=replace(config.model, num_classes=None))  # as the data has
    result = train(config, given.resume, progress=not given.quiet)
    if not result.finished:
        if distributed.env_rank() == 0:
            print(f"stopped after iteration {result.position} and saved; go on with: {again()}", file=sys.stderr)
        return INTERRUPTED
    report(config, result)
    return 0


def again() -> str:
    """The command that goes on with a stopped run, as a shell takes it."""
    start = "acflib"
    if "TORCHELASTIC_RUN_ID" in os.environ:
        start = "torchrun <its options> -m acflib"
    return f"{start} {shlex.join(a for a in sys.argv[1:] if a != '--resume')} --resume"
