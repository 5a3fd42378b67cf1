"""Options that make training fast: torch.compile, fused SGD, and a loop in which the CPU never waits for the GPU."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from acflib import training
from acflib.datasets import open_dataset
from acflib.engine import train_state
from acflib.engine.checkpoints import load_checkpoint
from acflib.engine.devices import has_fused_sgd
from acflib.engine.presets import PAPER
from acflib.engine.runlog import read_csv
from acflib.engine.train_state import LOSSES, start_state
from acflib.errors import ConfigError
from acflib.predict.evaluation import evaluate
from acflib.predict.pretrained import load_pretrained
from acflib.training import optimizer_step, train
from tests.runs import assert_same_run, final_weights, flags, tiny_config
from tests.training.test_torchrun import torchrun
from tests.training.two_ranks import CONFIG, CPU, SIZE

COMPILERS = ("c++", "g++", "clang++")


def two_steps(config):
    """Losses of two optimizer steps on fixed noise, and the state after them."""
    state = start_state(config, None, CPU, config.precision)
    generator = torch.Generator().manual_seed(1)
    losses = []
    for _ in range(2):
        images = torch.randn(4, 3, *SIZE, generator=generator)
        labels = torch.randint(0, 5, (4, *SIZE), generator=generator)
        losses.append(optimizer_step(state, images, labels, 0.1, config))
    return torch.stack(losses), state


def assert_close_to_eager(config):
    torch.compiler.reset()
    (eager, plain), (compiled, state) = two_steps(config), two_steps(replace(config, compile=True))
    assert state.network is not state.model
    torch.testing.assert_close(compiled, eager, rtol=1e-4, atol=1e-5)
    for (name, a), (other, b) in zip(state.model.state_dict().items(), plain.model.state_dict().items(), strict=True):
        assert name == other
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"norm": "inplace"}, {"micro_steps": 2}], ids=["plain", "inplace", "micro"])
def test_compiled_training_is_close_to_eager(changes):
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and there is none here")
    assert_close_to_eager(replace(CONFIG, precision="float32", **changes))


@pytest.mark.slow
def test_two_compiled_processes_are_close_to_two_eager_ones(streets, tmp_path):
    """Around DistributedDataParallel, with batch statistics over both processes."""
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip("torch.compile needs a C++ compiler on a CPU, and there is none here")
    losses = {}
    for name, extra in {"eager": [], "compiled": ["--compile"]}.items():
        config = tiny_config(streets, tmp_path / name, iterations=4, eval_every=0)
        torchrun(2, "train", *flags(config), "--no-aux", "--no-bootstrap", "--val-split", "none", *extra)
        losses[name] = [float(row["loss"]) for row in read_csv(tmp_path / name / "log.csv")]
    assert losses["compiled"] == pytest.approx(losses["eager"], rel=1e-4)


@pytest.fixture
def traced_only(monkeypatch):
    """torch.compile traces the network but generates no code: all but the last part of the real thing, in seconds."""
    torch.compiler.reset()
    monkeypatch.setattr(train_state.torch, "compile", partial(torch.compile, backend="eager"))


@pytest.mark.parametrize("norm", [pytest.param("sync", marks=pytest.mark.slow), "inplace"])
def test_traced_training_is_close_to_eager(traced_only, norm):
    assert_close_to_eager(replace(CONFIG, precision="float32", norm=norm))


def test_the_network_compiles_into_one_graph():
    """A break in the graph costs speed and says nothing. The in-place BatchNorm is one, on purpose."""
    network = start_state(replace(CONFIG, precision="float32"), None, CPU, "float32").network
    torch.compiler.reset()
    torch.compile(network, backend="eager", fullgraph=True)(torch.randn(2, 3, *SIZE))["out"].sum().backward()


def test_a_compiled_run_is_saved_evaluated_and_resumed_like_a_plain_one(traced_only, streets, tmp_path):
    plain = train(tiny_config(streets, tmp_path / "plain"), progress=False)
    compiled = train(tiny_config(streets, tmp_path / "compiled", compile=True), progress=False)
    assert final_weights(compiled.folder).keys() == final_weights(plain.folder).keys()
    model = load_pretrained(compiled.folder / "checkpoint.pt")
    scores = evaluate(model, open_dataset(streets, "val"), progress=False)
    assert scores.miou_fine == compiled.scores.miou_fine
    resumed = train(tiny_config(streets, tmp_path / "compiled"), resume=True, progress=False)  # compile may change
    assert resumed.finished


def test_compile_and_recompute_exclude_each_other():
    with pytest.raises(ConfigError, match="compile=True and recompute=True"):
        replace(CONFIG, compile=True, model=replace(CONFIG.model, recompute=True))


def test_sgd_is_fused_on_a_gpu_alone(monkeypatch):
    assert start_state(CONFIG, None, CPU, "float32").optimizer.param_groups[0]["fused"] is None
    assert has_fused_sgd(torch.device("cuda", 0), "bf16")  # fp16: test_optimizer_step.py
    monkeypatch.setattr(train_state, "has_fused_sgd", lambda *_: True)  # CPU tensors have such kernels too
    assert start_state(CONFIG, None, CPU, "float32").optimizer.param_groups[0]["fused"] is True


def test_a_checkpoint_of_a_gpu_resumes_on_a_cpu_as_one_of_a_cpu(streets, tmp_path):
    """It says "fused", and its momentum lies in channels_last order: neither may change what a CPU computes."""
    config = tiny_config(streets, tmp_path / "whole")
    whole = train(config, progress=False)
    half = replace(config, out=str(tmp_path / "half"))
    saved = {}
    save = train_state.save_checkpoint

    def save_as_a_gpu_would(path, content):
        saved[content["position"]] = content["position"]
        for group in content["optimizer"]["param_groups"]:
            group["fused"] = True
        for state in content["optimizer"]["state"].values():
            if state["momentum_buffer"].dim() == 4:
                state["momentum_buffer"] = state["momentum_buffer"].to(memory_format=torch.channels_last)
        save(path, content)
        if len(saved) == 2:
            raise RuntimeError("power cut")

    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="power cut"):
        patch.setattr(train_state, "save_checkpoint", save_as_a_gpu_would)
        train(half, progress=False)
    checkpoint = load_checkpoint(tmp_path / "half" / "checkpoint.pt")
    state = start_state(half, checkpoint, CPU, "float32")
    assert state.optimizer.param_groups[0]["fused"] is None
    for weight, values in state.optimizer.state.items():
        assert values["momentum_buffer"].stride() == weight.stride()
    assert_same_run(train(half, resume=True, progress=False).folder, whole.folder)


# What makes the CPU wait until the GPU has got that far: reading a value, and results whose size depends on values.
WAITING_OPERATIONS = {"_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2"}
WAITING_METHODS = {"item", "tolist", "numpy", "cpu", "__bool__", "__int__", "__float__", "__index__", "__contains__"}


class WaitingOperations(TorchDispatchMode):
    """Notes every operation, also inside of others, that would make the CPU wait for a GPU."""

    def __init__(self, found: list[str]):
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.overloadpacket.__name__
        by_mask = name == "index" and any(i is not None and i.dtype == torch.bool for i in arguments[1])
        if name in WAITING_OPERATIONS or by_mask:
            self.found.append(name)
        return function(*arguments, **(keywords or {}))


class WaitingMethods(TorchFunctionMode):
    """Notes every call of a tensor's methods that would do so; some of them are no operation on a CPU."""

    def __init__(self, found: list[str]):
        super().__init__()
        self.found = found

    def __torch_function__(self, function, types, arguments=(), keywords=None):
        if function.__name__ in WAITING_METHODS:
            self.found.append(function.__name__)
        return function(*arguments, **(keywords or {}))


@contextmanager
def waiting_calls():
    """Everything between here and the end that would make the CPU wait for a GPU, by name, in a list."""
    found: list[str] = []
    with WaitingOperations(found), WaitingMethods(found):
        yield found


def test_waiting_calls_are_noticed():
    x = torch.arange(3.0)
    reads = (x.sum().item, x.tolist, x.numpy, x.cpu, x.any().__bool__, x.nonzero, lambda: x[x > 1], lambda: float(x[0]))
    for read in reads:
        with waiting_calls() as found:
            read()
        assert found, read


@pytest.mark.parametrize("changes", [{}, {"norm": "inplace"}, {"micro_steps": 2}], ids=["plain", "inplace", "micro"])
def test_nothing_is_read_in_an_optimizer_step(streets, tmp_path, monkeypatch, changes):
    """Bootstrapping, class weights and the auxiliary head are on."""
    real, found = training.optimizer_step, []

    def watched(*arguments):
        with waiting_calls() as calls:
            losses = real(*arguments)
        found.append(calls)
        return losses

    monkeypatch.setattr(training, "optimizer_step", watched)
    train(tiny_config(streets, tmp_path, **changes), progress=False)
    assert found == [[]] * 6


def test_nothing_is_read_between_log_lines_and_saves(streets, tmp_path, monkeypatch):
    """Steps 3 and 6 are logged, 4 and 6 saved. The loader's process is another one, so its calls do not count."""
    real, before = training.optimizer_step, []

    def watched(state, *arguments):
        losses = real(state, *arguments)
        before.append(len(found))
        return losses

    monkeypatch.setattr(training, "optimizer_step", watched)
    changes = {"log_every": 3, "save_every": 4, "val_split": "none", "workers": 1}
    with waiting_calls() as found:
        train(tiny_config(streets, tmp_path, **changes), progress=False)
    read_after = [step for step in range(1, 6) if before[step] > before[step - 1]]
    assert read_after == [3, 4]


@pytest.mark.parametrize("name", PAPER)
def test_a_step_at_full_size_reads_no_value(name):
    """On the meta device there are shapes and no values: reading one raises an error."""
    meta = torch.device("meta")
    config = replace(PAPER[name], model=replace(PAPER[name].model, weights=None), precision="float32")
    with meta:
        state = start_state(config, None, meta, "float32", [1.0] * 19)
        images, labels = torch.empty(8, 3, *config.crop_size), torch.empty(8, *config.crop_size, dtype=torch.int64)
        losses = optimizer_step(state, images, labels, 0.01, config)
    assert losses.shape == (len(LOSSES),) and losses.is_meta
