"""The benchmarks measure what they say and write whole files. No time is ever compared with anything here."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from acflib.cli.estimates import measured_seconds
from acflib.datasets import Cityscapes, open_dataset
from acflib.errors import ConfigError, DataError
from acflib.predict.evaluation import evaluate
from acflib.training import make_loader
from benchmarks.full_size_folder import write_full_size
from tests.benchmarks.scripts import benchmark_scripts

KEYS = {"command", "settings", "machine", "labels", "results"}
CPU = torch.device("cpu")


@pytest.fixture
def import_script():
    with benchmark_scripts() as script:
        yield script


@pytest.fixture
def training_step(import_script):
    return import_script("training_step")


@pytest.fixture
def inference(import_script):
    return import_script("inference")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A generated Cityscapes folder, 256x128."""
    data = tmp_path_factory.mktemp("generated") / "cityscapes"
    return write_full_size(data, train=4, val=2, test=1, distinct=2, width=256, progress=False)


def run_main(script, monkeypatch, out: Path, *arguments: str) -> dict:
    """The JSON file of a run of the script, small and on a CPU."""
    small = ["--device", "cpu", "--rounds", "1", "--presets", "tiny-acf-sum", *arguments]
    monkeypatch.setattr(sys, "argv", [script.__name__, *small, "--out", str(out)])
    script.main()
    content = json.loads(out.read_text())
    assert content.keys() - {"files"} == KEYS and content["machine"]["cpu"]
    return content


def assert_numbers(found: dict, labels: dict) -> None:
    assert found.keys() == labels.keys()
    assert all(math.isfinite(value) and value > 0 for value in found.values()), found
    assert all(text.split()[0].strip(":,") in ("measured", "projected") for text in labels.values())


@pytest.mark.slow
def test_training_step(training_step, folder, monkeypatch, tmp_path, capsys):
    """On noise and from the files of a folder, in one run."""
    arguments = ["--size", "33", "--batch", "2", "--iterations", "1", "--data", str(folder), "--workers", "0"]
    content = run_main(training_step, monkeypatch, tmp_path / "step.json", *arguments)
    results = content["results"]
    assert list(results) == ["tiny-acf-sum", "r101-baseline", "deeplabv3_resnet101", "fcn_resnet101"]
    assert content["labels"].keys() == training_step.LABELS.keys() | training_step.FILE_LABELS.keys()
    for found in results.values():
        assert_numbers(found, content["labels"])
        for kind in ("", "files_"):
            seconds = found[f"{kind}seconds_per_iteration"]
            assert found[f"{kind}projected_hours"] == pytest.approx(40_000 * seconds / 3600)
            assert found[f"{kind}images_per_second"] == pytest.approx(2 / seconds)
        over = found["loader_images_per_second"] / found["images_per_second"]
        assert found["loader_over_step"] == pytest.approx(over)
    assert results["r101-baseline"]["seconds_ratio_to_r101-baseline"] == 1
    # Weights, gradients and momentum, 4 bytes each, are there at once: 45 million parameters and more.
    assert results["r101-baseline"]["peak_mb"] > 3 * 4 * 45
    assert (content["files"]["images"], content["files"]["width"], content["files"]["height"]) == (4, 256, 128)
    assert f"From the PNG files of {folder}" in capsys.readouterr().out


def test_settings_reach_every_network(training_step):
    """Peers train with the baseline's configuration, at the size, batch and compile setting of the run."""
    from training_case import config_of

    settings = training_step.Settings(presets=(), size=33, batch=4, compile=True)
    for name in ("r101-acf-sum", "r101-acf-sum-24gb", "fcn_resnet101"):
        config = config_of(name, settings)
        assert (config.crop_size, config.batch_size, config.compile) == ((33, 33), 4, True)
        assert config.model.weights is None and config.batch_size % config.micro_steps == 0
    full = config_of("r101-acf-sum", replace(settings, size=None, batch=None))
    assert (full.crop_size, full.batch_size) == ((769, 769), 8)


def test_peers_have_the_losses_of_the_baseline(training_step):
    """ "loss", "fine" and "aux"; no coarse one."""
    settings = training_step.Settings(presets=(), size=33, batch=2, device="cpu")
    total, fine, coarse, aux = training_step.make_case("fcn_resnet101", settings).step().tolist()
    assert coarse == 0 and total == pytest.approx(1.0 * fine + 0.4 * aux)


@pytest.mark.parametrize("source", ["png", "cache"])
def test_the_step_gets_the_batches_of_training(training_step, folder, tmp_path, source):
    """Those of acflib's own loader, in its order, from files and from the cache; by two processes, each read equally
    often, with as many batches before and after the timed ones as they hold ready.
    """
    cache = tmp_path / "cache" if source == "cache" else None
    settings = training_step.Settings((), 33, 2, "cpu", iterations=1, data=folder, cache=cache, workers=2)
    case = training_step.make_case("tiny-acf-sum", settings)
    frames, seen = training_step.open_training_frames(settings), []
    assert isinstance(frames, Cityscapes) == (source == "png")
    seconds = training_step.time_from_files(lambda *batch: seen.append(batch), case, frames, settings)
    assert seconds > 0
    ahead, timed = 2 * 2, 2
    config = replace(case.config, workers=0, iterations=ahead + timed)
    expected = list(make_loader(config, open_dataset(folder, "train"), 0, CPU))
    assert len(seen) == len(expected) and expected[0][0].shape == (2, 3, 33, 33)
    for (images, labels), (other_images, other_labels) in zip(seen, expected, strict=True):
        assert torch.equal(images, other_images) and torch.equal(labels, other_labels)


def test_real_steps_are_made_on_the_files(training_step, folder):
    """The weights move, and the loss is one of pictures and labels."""
    settings = training_step.Settings((), 33, 2, "cpu", "float32", data=folder)
    case = training_step.make_case("tiny-acf-sum", settings)
    weights = [parameter for group in case.optimizer.param_groups for parameter in group["params"]]
    before, losses = [weight.clone() for weight in weights], []

    def train_on(images, labels):
        losses.append(case.train_on(images, labels))

    frames = training_step.open_training_frames(settings)
    training_step.time_from_files(train_on, case, frames, replace(settings, iterations=3))
    assert len(losses) == 3 and torch.stack(losses).isfinite().all() and (losses[0][0] > 0)
    assert any(not torch.equal(weight, old) for weight, old in zip(weights, before, strict=True))


def test_folders_that_cannot_be_trained_on(import_script, folder, tmp_path):
    feeding = import_script("feeding")
    with pytest.raises(DataError, match="does not exist"):
        feeding.open_frames(tmp_path / "nothing", "train", None, 19)
    with pytest.raises(ConfigError, match="11 classes"):
        feeding.open_frames(folder, "train", None, 11)


def test_flags_that_do_not_go_together(training_step, capsys):
    for arguments in (["--cache", "c"], ["--compare-cudnn-benchmark", "--device", "cpu"]):
        with pytest.raises(SystemExit):
            training_step.parse(arguments)
    said = capsys.readouterr().err
    assert "give --data or --generate too" in said and "needs a CUDA GPU" in said


def test_generate_writes_frames_of_one_split(training_step, import_script, monkeypatch, tmp_path):
    feeding, written = import_script("feeding"), []
    monkeypatch.setattr(feeding, "write_full_size", lambda out, **counts: written.append((out, counts)))
    given = training_step.parse(["--generate", "9", "--data", str(tmp_path), "--device", "cpu"])
    assert training_step.settings_of(given).data == tmp_path
    assert written == [(tmp_path, {"train": 9, "val": 0})]
    given = training_step.parse(["--generate", "9"])
    assert feeding.folder_of(given, "val") == Path("runs/full-size") and written[1][1] == {"train": 0, "val": 9}
    assert training_step.settings_of(training_step.parse(["--device", "cpu"])).data is None and len(written) == 2


def test_cudnn_benchmark_is_compared_in_a_second_process(import_script, training_step, monkeypatch):
    """The same command, but for the switch and the file: no GPU is needed to see that."""
    search, ran = import_script("cudnn_search"), []
    arguments = ["--presets", "tiny-acf-sum", "--compare-cudnn-benchmark", "--size", "33", "--out", "mine.json"]

    def run(command, **_):
        # The second process must not be refused: it does not compare in its turn.
        given = training_step.parse(command[2:])
        ran.append((command[:2], vars(given)))
        given.out.write_text(json.dumps({"results": {"a": {"seconds_per_iteration": 0.5, "peak_mb": 30.0}}}))

    monkeypatch.setattr(search.subprocess, "run", run)
    searched = search.results_of_second_process("script.py", arguments)
    command, given = ran[0]
    assert command == [sys.executable, "script.py"]
    assert given["cudnn_benchmark"] and given["size"] == 33 and given["presets"] == ["tiny-acf-sum"]
    assert given["out"].name == "results.json" and not given["out"].exists()
    results = {"a": {"seconds_per_iteration": 1.0, "peak_mb": 20.0}}
    search.add_comparison(results, searched)
    assert search.LABELS.keys() == results["a"].keys() - {"seconds_per_iteration", "peak_mb"}
    assert results["a"]["cudnn_benchmark_seconds_ratio"] == 0.5 and results["a"]["cudnn_benchmark_peak_ratio"] == 1.5


def test_doctor_reads_what_training_step_writes(training_step, import_script, monkeypatch, tmp_path):
    """The settings of a GPU's run with all defaults are those that the estimate asks for."""
    peers, out = import_script("peers"), tmp_path / "training_step.json"
    monkeypatch.setattr(training_step, "pick_device", lambda name: torch.device("cuda:0"))
    monkeypatch.setattr(training_step, "pick_precision", lambda name, device: "bf16")
    given = training_step.parse(["--out", str(out)])
    results = {"r101-acf-sum": {"seconds_per_iteration": 0.25}}
    peers.write_results(given, "x.py", vars(training_step.settings_of(given)), {}, results=results)
    content = json.loads(out.read_text())
    content["machine"]["gpu"] = "H100"
    out.write_text(json.dumps(content))
    assert measured_seconds("r101-acf-sum", "H100", "bf16", out) == 0.25
    assert measured_seconds("r101-acf-sum", "H100", "float32", out) is None


@pytest.mark.slow
def test_inference(inference, monkeypatch, tmp_path):
    content = run_main(inference, monkeypatch, tmp_path / "inference.json", "--height", "32")
    results = content["results"]
    assert list(results) == ["tiny-acf-sum", "r101-baseline", "deeplabv3_resnet101", "fcn_resnet101"]
    assert list(results["tiny-acf-sum"]) == ["whole", "sliding", "multiscale"]
    for modes in results.values():
        for found in modes.values():
            assert_numbers(found, content["labels"])


def test_windows_are_those_of_the_paper_at_full_size(inference):
    settings = inference.Settings(presets=())
    assert inference.inference_config("sliding", settings).window == (769, 769)
    multiscale = inference.inference_config("multiscale", settings)
    assert multiscale.flip and multiscale.scales == (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)


def test_inference_on_files_counts_every_pixel_as_evaluation_does(inference, folder):
    settings = inference.Settings((), height=128, width=256, device="cpu", precision="float32", data=folder, rounds=2)
    network = inference.make_network("tiny-acf-sum", CPU, "float32")
    runs = {("tiny-acf-sum", mode): inference.make_run(network, mode, settings) for mode in ("whole", "sliding")}
    times = inference.time_rounds(runs, settings)
    assert all(len(times[(*key, kind)]) == 2 for key in runs for kind in ("noise", "files"))
    frames = open_dataset(folder, "val")
    frames.frames = frames.frames[:1]  # a round of one image: the first of the split, in each of the two
    for (_, mode), run in runs.items():
        scores = evaluate(network, frames, inference.inference_config(mode, settings), progress=False)
        assert torch.equal(run.counts, 2 * (scores.fine + scores.coarse))


def test_frames_come_in_the_size_of_the_run(import_script, folder):
    frames = import_script("feeding").Frames(open_dataset(folder, "val"), (32, 64))
    image, labels = frames[3]
    assert image.shape == (3, 32, 64) and image.dtype == torch.float32
    assert labels.shape == (32, 64) and labels.dtype == torch.int64
    assert set(labels.unique().tolist()) <= {*range(19), 255}
    assert torch.equal(frames[3][0], frames[1][0])  # two frames, again and again
    seen = list(import_script("feeding").image_batches(frames, 0)(3))
    assert len(seen) == 3 and seen[0][0].shape == (1, 3, 32, 64)


def test_one_pass(import_script, monkeypatch, tmp_path):
    """Each way gives the results of the way before it, bit for bit; on a CPU there is no fourth pair."""
    out, script = tmp_path / "one_pass.json", import_script("one_pass")
    small = ["--device", "cpu", "--crop", "33", "--height", "32", "--rounds", "1", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["one_pass", *small, "--out", str(out)])
    threads = torch.get_num_threads()
    try:
        script.main()
    finally:
        torch.set_num_threads(threads)
    content = json.loads(out.read_text())
    assert content.keys() == KEYS and content["results"].keys() == {"bootstrapping", "single_pass", "one_output"}
    for found in content["results"].values():
        assert found.pop("max_difference") == 0
        assert_numbers(found, {name: text for name, text in script.LABELS.items() if name != "max_difference"})
    before, now = script.channels_last(CPU, 32)
    torch.testing.assert_close(now(), before(), rtol=0, atol=1e-5)


def test_import_time(import_script, tmp_path, monkeypatch):
    script = import_script("import_time")
    monkeypatch.setattr(script, "IMPORTS", dict.fromkeys(script.IMPORTS, "import json"))  # quick ones
    script.main(["--repeats", "1", "--out", str(tmp_path / "import.json")])
    found = json.loads((tmp_path / "import.json").read_text())["seconds"]
    assert found.keys() == {*script.IMPORTS, "acflib / peer", "help / peer"} and min(found.values()) > 0
    assert found["acflib / peer"] == pytest.approx(found["acflib"] / found["peer"], rel=0.1)  # of rounded seconds
