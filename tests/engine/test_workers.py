"""Loader processes end with the work they were started for, also after an error whose traceback is kept."""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.usefixtures("warm_python")

PROGRAM = textwrap.dedent("""
    import sys
    from acflib import training
    from acflib.datasets import open_dataset
    from acflib.predict.evaluation import evaluate
    from acflib.acfnet import ModelConfig, build_model
    from tests.runs import tiny_config

    def fail(*_):
        raise RuntimeError("power cut")

    data, out, what = sys.argv[1:]
    try:
        if what == "train":
            training.optimizer_step = fail
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


# ---- loader processes that cannot do their work: an end within seconds, and what to do

BROKEN = textwrap.dedent("""
    import multiprocessing, os, signal, sys, time
    import multiprocessing.reduction
    import torch
    from acflib import training
    from acflib.datasets import open_dataset
    from acflib.errors import AcflibError
    from acflib.predict.evaluation import evaluate
    from acflib.acfnet import ModelConfig, build_model
    from tests.runs import tiny_config

    multiprocessing.set_start_method("fork", force=True)  # the loader processes get what is broken below
    data, out, command, fault = sys.argv[1:]

    def full(*_):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    def kill(*_):
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        time.sleep(60)

    def no_descriptor(*_):
        raise OSError(24, "Too many open files")

    def no_process(*_):
        raise OSError(11, "Resource temporarily unavailable")

    if fault == "shared memory":  # where a batch is made there, and where one is moved there
        torch.UntypedStorage._new_using_fd_cpu = torch.UntypedStorage._share_fd_cpu_ = full
    if fault == "sending":
        multiprocessing.reduction.DupFd = no_descriptor
    if fault == "start":
        os.fork = no_process
    try:
        if command == "train":
            if fault == "killed":
                training.optimizer_step = kill
            training.train(tiny_config(data, out, workers=2), progress=False)
        else:
            model = build_model(ModelConfig("tiny", channels=16, align_corners=False, weights=None))
            if fault == "killed":
                model.base.forward = kill
            evaluate(model, open_dataset(data, "val"), workers=2, progress=False)
    except AcflibError as error:
        print(error, flush=True)
""")
SAID = {
    "shared memory": ("no room in shared memory", "--shm-size", "--workers 0"),
    "sending": ("gone", "--workers 0"),
    "killed": ("gone", "Killed", "--workers 0"),
    "start": ("cannot start", "Resource temporarily unavailable", "--workers 0"),
}
linux = pytest.mark.skipif(sys.platform != "linux", reason="breaks Linux's way to share memory between processes")


@linux
@pytest.mark.parametrize("fault", SAID)
@pytest.mark.parametrize("command", ["train", pytest.param("evaluate", marks=pytest.mark.slow)])
def test_broken_loader_processes_end_the_work_and_are_named(streets, tmp_path, command, fault):
    arguments = [sys.executable, "-c", BROKEN, str(streets), str(tmp_path / "run"), command, fault]
    found = subprocess.run(arguments, capture_output=True, text=True, timeout=50)  # kill() would sleep for longer
    assert found.returncode == 0, found.stderr
    for words in SAID[fault]:
        assert words in found.stdout, found.stdout + found.stderr


@pytest.mark.slow
def test_small_shared_memory_for_real(streets, tmp_path):
    """/dev/shm of a megabyte, as a container may have it: private to the processes of this test."""
    mount = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"', "sh"]
    try:
        allowed = subprocess.run([*mount, "true"], capture_output=True, timeout=20).returncode == 0
    except OSError:
        allowed = False
    if not allowed:
        pytest.skip("needs the right to mount a file system of its own (root, and unshare)")
    for command in ("train", "evaluate"):
        arguments = [*mount, sys.executable, "-c", BROKEN, str(streets), str(tmp_path / "run"), command, "none"]
        found = subprocess.run(arguments, capture_output=True, text=True, timeout=50)
        assert found.returncode == 0 and "/dev/shm has 0 MiB" in found.stdout, found.stdout + found.stderr
        assert "--shm-size" in found.stdout and "--workers 0" in found.stdout


STUCK = textwrap.dedent("""
    import pathlib, sys, time
    from torch.utils.data import DataLoader, _utils
    from acflib.engine.workers import ended_with, ignore_interrupts

    sign = pathlib.Path(sys.argv[1])
    _utils.MP_STATUS_CHECK_INTERVAL = 1  # seconds; else torch waits for 5, twice

    class Disk:
        def __len__(self):
            return 8
        def __getitem__(self, index):
            while index > 3:
                sign.touch()
                time.sleep(1)
            return index

    if __name__ == "__main__":
        settings = {"num_workers": 1, "persistent_workers": True, "worker_init_fn": ignore_interrupts}
        with ended_with(loader := DataLoader(Disk(), 2, **settings)):
            next(iter(loader))
            while not sign.exists():
                time.sleep(0.1)
        print("done", flush=True)
""")


def test_a_process_that_waits_for_a_dead_disk_keeps_nobody(tmp_path):
    """It leaves SIGTERM, all that torch and Python send it, to the main process."""
    program = tmp_path / "stuck.py"
    program.write_text(STUCK, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "sign")], capture_output=True, text=True, timeout=45
    )
    assert found.returncode == 0 and found.stdout.strip() == "done", found.stderr


def test_batches_are_those_of_torch(streets):
    """In shared memory or not, the numbers are the same."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from acflib.engine.workers import ended_with, ignore_interrupts, shared_batch

    data = TensorDataset(torch.randn(5, 3, 4), torch.arange(5))
    settings = {"worker_init_fn": ignore_interrupts, "persistent_workers": True, "num_workers": 2}
    with ended_with(loader := DataLoader(data, 2, collate_fn=shared_batch, **settings)):
        found = list(loader)
    assert [labels.tolist() for _, labels in found] == [[0, 1], [2, 3], [4]]
    assert all(torch.equal(images, data.tensors[0][labels]) for images, labels in found)
