"""What test_two_ranks.py computes twice: here in one process, and by two processes that each run this file.

    RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 python tests/training/two_ranks.py OUT

Each process writes its results to OUT/rankR.pt. It drives the library's own training step, not a copy of it.
"""

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from acflib import distributed
from acflib.acfnet import ModelConfig, build_model
from acflib.datasets.base import Frame, SegmentationDataset
from acflib.engine.config import TrainConfig
from acflib.engine.run_folder import LOCK, locked, sole_run
from acflib.engine.train_state import save_state, start_state
from acflib.errors import CheckpointError, ConfigError
from acflib.layers.norm import GlooSyncBatchNorm
from acflib.losses import LossConfig, poly_learning_rate
from acflib.predict.evaluation import evaluate
from acflib.training import class_weights_of, make_loader, optimizer_step, prepare_folder

CPU = torch.device("cpu")
SIZE = (32, 40)
# No auxiliary head: its dropout differs between processes.
CONFIG = TrainConfig(
    model=ModelConfig("tiny", num_classes=5, channels=8, aux=False, align_corners=False, weights=None, field=239),
    crop_size=SIZE, scale_range=(1.0, 1.0), flip_probability=0.0, batch_size=4, iterations=2, norm="sync",
    device="cpu", precision="float64", workers=0,
)  # fmt: skip
EVERY_PIXEL = LossConfig(bootstrap=True, bootstrap_threshold=1.0, bootstrap_keep=0.5)


class Pictures(SegmentationDataset):
    """Noise in memory; picture i has 3 * i rows that are ignored, so the parts of a batch differ in valid pixels."""

    def __init__(self, count: int):
        frames = [Frame(f"{i:03d}", Path(f"{i:03d}.png"), Path(f"{i:03d}_labels.png")) for i in range(count)]
        names = [f"class {i}" for i in range(5)]
        super().__init__("memory", "train", frames, names, [(i, i, i) for i in range(5)])

    def load_image(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 256, (*SIZE, 3), dtype=np.uint8)

    def load_labels(self, index: int) -> np.ndarray:
        labels = np.random.default_rng([index, 1]).choice(5, SIZE, p=[0.5, 0.2, 0.15, 0.1, 0.05]).astype(np.uint8)
        labels[: 3 * index] = 255
        return labels


def ignore_last_half(labels: torch.Tensor) -> None:
    """Ignore every pixel of the second half of a global batch, which is all that rank 1 of 2 gets."""
    if distributed.world_size() == 1:
        labels[len(labels) // 2 :] = 255
    elif distributed.rank() == 1:
        labels.fill_(255)


def train(config: TrainConfig = CONFIG, ignored_half: bool = False, eval_mode: bool = False) -> dict[str, torch.Tensor]:
    """Two optimizer steps: losses and gradients of each, and all weights and buffers at the end.

    ``eval_mode``: BatchNorm with its running statistics, so that it does not matter how a batch is cut.
    """
    dataset = Pictures(8)
    state = start_state(config, None, CPU, config.precision, class_weights_of(config, dataset))
    state.network.train(not eval_mode)
    found = {}
    for images, labels in make_loader(config, dataset, 0, CPU):
        if ignored_half:
            ignore_last_half(labels)
        rate = poly_learning_rate(config.learning_rate, state.position, config.iterations, config.poly_power)
        losses = optimizer_step(state, images, labels, rate, config)
        found[f"losses {state.position}"] = distributed.mean_over_ranks(losses)
        for name, parameter in state.model.named_parameters():
            found[f"gradient {state.position} {name}"] = parameter.grad.clone()
        state.position += 1
    return found | {f"state {name}": value.clone() for name, value in state.model.state_dict().items()}


def score(count: int) -> dict[str, torch.Tensor]:
    """Confusion matrices over ``count`` pictures."""
    torch.manual_seed(0)
    model = build_model(CONFIG.model).double()
    generator = torch.Generator().manual_seed(4)
    for head in (model.classifier, model.base.classifier):  # a fresh network would predict one class everywhere
        nn.init.normal_(head.weight, std=5.0, generator=generator)
    for _ in range(10):  # fill the running statistics
        model(torch.randn(2, 3, *SIZE, dtype=torch.float64, generator=generator))
    if distributed.rank() == 1:  # as after training with norm="batch": only the statistics of rank 0 are saved
        for buffer in model.buffers():
            buffer += 1
    scores = evaluate(model, Pictures(count), precision="float64", progress=False)
    return {"fine": scores.fine, "coarse": scores.coarse}


def norm_parts(dtype: torch.dtype, cut: int = 3, size: tuple[int, int] = (3, 5), batch: int = 4) -> dict:
    """Batch normalization of one batch: the first ``cut`` images are rank 0's, the others rank 1's.

    "out" and "input gradient" belong to this process, "weight gradient" must be summed over processes.
    """
    generator = torch.Generator().manual_seed(3)
    x, upstream = 5 + 2 * torch.randn(2, batch, 4, *size, dtype=torch.float64, generator=generator).to(dtype)
    if distributed.world_size() == 2:
        own = slice(0, cut) if distributed.rank() == 0 else slice(cut, None)
        x, upstream = x[own].contiguous(), upstream[own]
    norm = GlooSyncBatchNorm(4, momentum=0.3).to(torch.promote_types(dtype, torch.float32))
    for start, parameter in enumerate(norm.parameters(), 1):
        nn.init.uniform_(parameter, start, start + 1, generator=generator)
    x.requires_grad_()
    out = norm(x)
    out.backward(upstream)
    gradient = distributed.sum_over_ranks(torch.stack([norm.weight.grad, norm.bias.grad]))
    found = {"out": out.detach(), "input gradient": x.grad, "weight gradient": gradient}
    return found | {name: value.clone() for name, value in norm.named_buffers()}


def checkpoint_of_rank_0_alone(out: Path) -> str:
    """What a resumed run says where each machine has a disk of its own."""
    config = replace(CONFIG, out=str(out / f"run{distributed.rank()}"))
    Path(config.out).mkdir()
    state = start_state(config, None, CPU, config.precision)
    state.position = 1
    save_state(Path(config.out) / "checkpoint.pt", state, config, Pictures(8))
    distributed.barrier()
    try:
        prepare_folder(config, True, CPU)
    except CheckpointError as error:
        return str(error)
    return "nothing"


def folder_of_another_run(out: Path) -> str:
    """What both processes say where a third one trains in their folder."""
    folder = out / "busy"
    folder.mkdir(exist_ok=True)
    other = contextlib.nullcontext()
    if distributed.rank() == 0:
        other = locked(folder / LOCK)  # by this very process, which is kept out like any other
    with other:
        distributed.barrier()
        try:
            with sole_run(folder, CPU):
                return "nothing"
        except ConfigError as error:
            return str(error)


def gradients_lie_in_their_buckets() -> bool:
    """Whether processes send gradients from where they lie, without a copy of all."""
    return start_state(CONFIG, None, CPU, CONFIG.precision).network.gradient_as_bucket_view


def small_things() -> dict:
    """The helpers of acflib.distributed."""
    rank = distributed.rank()
    return {
        "rank": rank,
        "world_size": distributed.world_size(),
        "gather": distributed.gather(torch.tensor([rank, 10 + rank]), CPU),
        "sum": distributed.sum_over_ranks(torch.tensor(rank + 1.0)),
        "mean": distributed.mean_over_ranks(torch.tensor(rank + 1.0)),
        "any": [distributed.any_rank(flag, CPU) for flag in (False, rank == 1, True)],
    }


def compute() -> dict:
    """Everything, by name."""
    micro = replace(CONFIG, micro_steps=2)
    return {
        "plain": train(),
        "ignored half": train(ignored_half=True),
        "every pixel kept": train(replace(CONFIG, loss=EVERY_PIXEL)),
        "eval mode": train(eval_mode=True),
        "eval mode, micro": train(micro, ignored_half=True, eval_mode=True),
        "eval mode, ignored half": train(ignored_half=True, eval_mode=True),
        "bf16": train(replace(CONFIG, precision="bf16")),
        "scores of 5": score(5),
        "scores of 1": score(1),
        "norm": norm_parts(torch.float64),
        "norm of single values": norm_parts(torch.float64, cut=1, size=(1, 1), batch=2),
        "norm in bf16": norm_parts(torch.bfloat16, size=(30, 50)),
        "small things": small_things(),
    }


def main(out: str) -> None:
    torch.set_num_threads(1)
    distributed.setup(CPU)
    found = compute() | {
        "checkpoint of rank 0 alone": checkpoint_of_rank_0_alone(Path(out)),
        "a folder of another run": folder_of_another_run(Path(out)),
        "bucket view": gradients_lie_in_their_buckets(),
    }
    torch.save(found, Path(out) / f"rank{distributed.rank()}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
