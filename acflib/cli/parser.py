"""The command line: ``python -m acflib train | evaluate | export | predict | share | ... | doctor``."""

import argparse
import errno
import os
import sys
from pathlib import Path

from acflib import __version__
from acflib.cli.ablate import EPILOG, AblateConfig, run_ablate
from acflib.cli.app import AppConfig, run_app
from acflib.cli.common import INTERRUPTED
from acflib.cli.course import add_course
from acflib.cli.data import CacheConfig, StreetsConfig, run_cache, run_streets
from acflib.cli.doctor import DoctorConfig, run_doctor
from acflib.cli.evaluate import EvaluateConfig, run_evaluate
from acflib.cli.export import ExportConfig, run_export
from acflib.cli.grade import EPILOG as GRADE_EPILOG
from acflib.cli.grade import GradeConfig, run_grade
from acflib.cli.onnx import EPILOG as ONNX_EPILOG
from acflib.cli.onnx import OnnxConfig, run_onnx
from acflib.cli.predict import PredictConfig, run_predict
from acflib.cli.share import ShareConfig, run_share
from acflib.cli.site import SiteConfig, run_site
from acflib.cli.train import run_train
from acflib.engine.config import TrainConfig
from acflib.engine.presets import PRESETS
from acflib.engine.stopping import terminated_as_interrupted
from acflib.errors import AcflibError
from acflib.options import add_flags, image_size

NO_READER = 141  # as a shell reports SIGPIPE
NO_ROOM = (errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))  # full disk, terminal that is gone, quota


def main(arguments: list[str] | None = None) -> int:
    """Run a command; its status: 0, 1 (doctor found a fault), 2 (a mistake to mend), 130 (Ctrl-C), 141 (no reader)."""
    prepare_console()
    parser = make_parser()
    given = parser.parse_args(arguments)
    if not hasattr(given, "run"):
        parser.print_help()
        return 2
    try:
        with terminated_as_interrupted():
            status = given.run(given)
            sys.stdout.flush()
        return status
    except BrokenPipeError:  # `acflib ... | head`: nobody reads on
        close_output()
        return NO_READER
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        close_output()
        print(f"acflib: the output cannot be written ({error}); free some space", file=sys.stderr)
        return 2
    except AcflibError as error:
        print(f"acflib: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("acflib: stopped", file=sys.stderr)
        return INTERRUPTED


def prepare_console() -> None:
    """Let every print of every command succeed, whatever it prints and wherever to.

    A letter that the console cannot show (a Cyrillic name under code page 1252, a name that is no UTF-8) becomes its
    number, such as \\u0444. Output that was closed (``>&-``, a program without a console) goes nowhere.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif getattr(stream, "errors", None) == "strict" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def close_output() -> None:
    """Python must not flush into the void at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_parser() -> argparse.ArgumentParser:
    """The parser with one subcommand a file of :mod:`acflib.cli`."""
    parser = argparse.ArgumentParser("acflib", description="ACFNet: train, evaluate, predict.")
    parser.add_argument("--version", action="version", version=f"acflib {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_train(subparsers)
    text = "scores of a checkpoint on a data set"
    evaluate = _add(subparsers, "evaluate", run_evaluate, text, EvaluateConfig)
    evaluate.epilog = "Under torchrun, the processes share the images."
    text = "write predictions as label files for the evaluation server of Cityscapes"
    export = _add(subparsers, "export", run_export, text, ExportConfig)
    export.epilog = "Under torchrun, the processes share the images."
    text = "segment photographs, write overlays with a legend"
    predict = _add(subparsers, "predict", run_predict, text, PredictConfig)
    predict.usage = "acflib predict IMAGE [IMAGE ...] --checkpoint FILE [options, see below]"
    predict.add_argument("images", nargs="+", type=Path, help="photographs, or folders of them")
    text = "train the rows of the ablation with several seeds, show their tables"
    ablate = _add(subparsers, "ablate", run_ablate, text, AblateConfig)
    ablate.epilog = EPILOG
    ablate.add_argument("--quiet", action="store_true", help="no progress bar")
    text = "run students' notebooks and judge their exercises on inputs that they have not seen"
    grade = _add(subparsers, "grade", run_grade, text, GradeConfig)
    grade.epilog = GRADE_EPILOG
    grade.usage = "acflib grade NOTEBOOK [NOTEBOOK ...] [options, see below]"
    grade.add_argument(
        "notebooks",
        nargs="+",
        type=Path,
        help="notebooks of one lesson or of several, or folders with notebooks anywhere below them",
    )
    grade.add_argument("--quiet", action="store_true", help="no progress bar")
    add_course(subparsers, _add)
    text = "write a trained network as a folder for others: weights, configuration, model card"
    share = _add(subparsers, "share", run_share, text, ShareConfig)
    share.epilog = "Others load it with acflib.load_pretrained(FOLDER), or --checkpoint FOLDER."
    text = "write a network as ONNX files, which run without PyTorch"
    _add(subparsers, "onnx", run_onnx, text, OnnxConfig).epilog = ONNX_EPILOG
    data = subparsers.add_parser("data", help="make data").add_subparsers(title="kinds", metavar="KIND", required=True)
    text = "write generated street scenes in the layout of Cityscapes"
    streets = _add(data, "streets", run_streets, text, StreetsConfig)
    streets.add_argument("--size", type=image_size, default=(128, 64), help="width x height (default: 128x64)")
    text = "keep a split decoded on disk, so that loading keeps up with a GPU: acflib train --cache"
    _add(data, "cache", run_cache, text, CacheConfig)
    text = "the similarity explorer and the what-if laboratory in a browser, without notebooks"
    app = _add(subparsers, "app", run_app, text, AppConfig)
    app.add_argument("images", nargs="*", type=Path, help="photographs, or folders (default: generated streets)")
    text = "the playground in the browser and the lessons, as a folder of static pages"
    _add(subparsers, "site", run_site, text, SiteConfig)
    text = "check this installation and, if given, a data folder and a preset"
    _add(subparsers, "doctor", run_doctor, text, DoctorConfig)
    return parser


def _add_train(subparsers) -> None:
    text = "train a network; several GPUs: torchrun --nproc-per-node 4 -m acflib train ..."
    parser = _add(subparsers, "train", run_train, text, TrainConfig)
    parser.add_argument("--preset", choices=PRESETS, default="r101-acf-sum", help="settings that the flags then change")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, if there is one")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add(subparsers, name: str, run, text: str, config: type) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=text, description=text, usage=f"acflib ... {name} [options, see below]")
    add_flags(parser, config)
    parser.set_defaults(run=run)
    return parser
