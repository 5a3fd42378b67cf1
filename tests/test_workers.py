"""Loader processes end with the work they were started for, also after an error whose traceback is kept."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent("""
    import sys
    from acflib import training
    from acflib.datasets import open_dataset
    from acflib.evaluation import evaluate
    from acflib.acfnet import ModelConfig, build_model
    from tests.runs import tiny_config

    def fail(*_):
        raise RuntimeError("power cut")

    data, out, what = sys.argv[1:]
    try:
        if what == "train":
            training.optimiser_step = fail
            training.train(tiny_config(data, out, workers=2), progress=False)
        else:
            model = build_model(ModelConfig("tiny", channels=16, align_corners=False, weights=None))
            model.base.forward = fail
            evaluate(model, open_dataset(data, "val"), workers=2, progress=False)
    except RuntimeError as error:
        kept = error  # as a notebook does: the traceback keeps the loader alive
    print("done", flush=True)
""")


@pytest.mark.parametrize("what", ["train", "evaluate"])
def test_python_ends_after_an_error(streets, tmp_path, what):
    command = [sys.executable, "-c", PROGRAM, str(streets), str(tmp_path / "run"), what]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0 and found.stdout.strip() == "done", found.stderr
