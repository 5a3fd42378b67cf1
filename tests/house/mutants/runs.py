"""Mutations of what stands around training: files, folders, devices, loader processes, signals, the console."""

from tests.house.mutants.mutation import Mutation

TRAINING = "acflib/training.py"
READING = "acflib/datasets/reading.py"
READ = ("tests/datasets/test_reading.py",)
ROWS = ("tests/predict/test_predict_files.py::test_rows_of_windows_equal_the_whole",)
RANKS = ("tests/training/test_two_ranks.py",)
CONTACT = ("tests/training/test_two_machines.py",)
STEP = ("tests/training/test_optimizer_step.py",)
FOLDER, RESUME = "tests/engine/test_run_folder.py", "tests/training/test_resume.py"
DEVICES = ("tests/engine/test_devices.py",)

MUTATIONS = [
    Mutation(
        "memory counted before there is momentum", "acflib/cli/estimates.py",
        "        step()\n        step()  # momentum comes with the first", "        step()",
        ("tests/cli/test_estimates.py",),
    ),
    Mutation(
        "each process scores with running statistics of its own", "acflib/predict/evaluation.py",
        "distributed.share_buffers(model)  #", "#", RANKS,
    ),
    Mutation(
        "processes resume at different iterations", "acflib/engine/run_folder.py",
        "if len(set(positions)) > 1:", "if len(set(positions)) > 2:", RANKS,
    ),
    Mutation(
        "a silent machine is waited for", "acflib/engine/contact.py",
        "silent[rank] >= self.missed", "silent[rank] >= 10**9", CONTACT,
    ),
    Mutation(
        "a process that has ended in good order is missed", "acflib/engine/contact.py",
        " and not has_ended(b)", "", CONTACT,
    ),
    Mutation(
        "the folder is copied from a machine that is behind", "acflib/engine/run_folder.py",
        "best = max(positions)", "best = min(positions)", RANKS,
    ),
    Mutation(
        "a resumed run chooses its precision anew", "acflib/engine/run_folder.py",
        'stored if config.precision == "auto" else config.precision', "config.precision",
        (RESUME + "::test_the_precision_in_use_is_stored",),
    ),
    Mutation(
        "a run goes on with other data", "acflib/engine/run_folder.py",
        "if frames not in (None, len(dataset)):", "if False:", (RESUME + "::test_other_data_is_refused",),
    ),
    Mutation(
        "two runs in one folder", "acflib/engine/run_folder.py",
        "return True if error.errno in (errno.EACCES, errno.EAGAIN) else None", "return False",
        (FOLDER + "::test_two_runs_in_one_folder",),
    ),
    Mutation(
        "an evaluation that was missed is left out", TRAINING,
        "distributed.any_rank(missing, state.device)", "False",
        (RESUME + "::test_an_evaluation_that_fails_loses_nothing",),
    ),
    Mutation(
        "all processes on one GPU", "acflib/engine/devices.py",
        'torch.device("cuda", local_rank)', 'torch.device("cuda", 0)', DEVICES,
    ),
    Mutation(
        "each process in a precision of its own", "acflib/engine/devices.py",
        'return "fp16" if distributed.any_rank(not has_bf16(device), device) else "bf16"',
        'return "bf16" if has_bf16(device) else "fp16"', DEVICES,
    ),
    Mutation(
        "tap() takes the maps of another thread", "acflib/layers/tapping.py",
        "if threading.get_ident() == own_thread:", "if True:", ("tests/layers/test_tapping_threads.py",),
    ),
    Mutation(
        "fused SGD in fp16", "acflib/engine/devices.py",
        'device.type == "cuda" and precision != "fp16"', 'device.type == "cuda"', STEP,
    ),
    Mutation(
        "the loss scale of fp16 is not put back", "acflib/engine/train_state.py",
        'if state.scaler.is_enabled() and checkpoint["scaler"]:', "if False:", STEP,
    ),
    Mutation(
        "each process keeps its own confusion matrix", "acflib/predict/evaluation.py",
        "distributed.sum_over_ranks(count).cpu()", "count.cpu()", RANKS,
    ),
    Mutation(
        "evaluation over processes pads", "acflib/predict/evaluation.py",
        "range(first, len(dataset), step)",
        "[i % len(dataset) for i in range(first, -(-len(dataset) // step) * step, step)]", RANKS,
    ),
    Mutation(
        "gray label files of 2 and 4 bits stretched", READING,
        "return values // (255 // (2 ** _png_depth(path) - 1)) if gray else values", "return values", READ,
    ),
    Mutation(
        "white of pictures with fewer bits than their values guessed", READING,
        "if upper.max() < DARKEST_WHITE:", "if False:", READ,
    ),
    Mutation(
        "16-bit pictures where 0 is white read as their negative", READING,
        "as_rgb(~values if negative else values, str(path))", "as_rgb(values, str(path))", READ,
    ),
    Mutation(
        "normalizing overwrites the picture", "acflib/datasets/normalize.py",
        ".to(torch.float32, copy=True)", ".to(torch.float32)", ("tests/datasets/test_transforms.py",),
    ),
    Mutation(
        "a row of windows forgets the one before", "acflib/predict/predicting.py",
        "if name in waiting:", "if False:", ROWS,
    ),
    Mutation(
        "unknown values in a label file pass", "acflib/datasets/base.py",
        "if unknown.any():", "if False:", ("tests/datasets/test_cityscapes.py",), public_bug=True,
    ),
    Mutation(
        "padding of a crop counts as class 0", "acflib/datasets/transforms.py",
        "fill = IGNORE_INDEX if isinstance(inpt, tv_tensors.Mask) else 0", "fill = 0",
        ("tests/datasets/test_transforms.py",),
    ),
    Mutation(
        "a batch without room in shared memory is dropped by a thread of torch", "acflib/engine/workers.py",
        "tensor.share_memory_()", "pass", ("tests/engine/test_workers.py",),
    ),
    Mutation(
        "a batch that cannot be sent is waited for", "acflib/engine/workers.py",
        "staticmethod(_end_process)", "staticmethod(lambda *_: None)", ("tests/engine/test_workers.py",),
    ),
    Mutation(
        "SIGTERM passed on as SIGINT, which is ignored in the background", "acflib/engine/stopping.py",
        "    raise KeyboardInterrupt", "    signal.raise_signal(signal.SIGINT)", ("tests/engine/test_stopping.py",),
    ),
    Mutation(
        "SIGTERM of the batch system and of the grid taken for two", "acflib/engine/stopping.py",
        "SAME_SECONDS = 3.0", "SAME_SECONDS = 0.0", ("tests/engine/test_stopping.py",),
    ),
    Mutation(
        "letters that the console has not end a command", "acflib/cli/parser.py",
        'errors="backslashreplace"', 'errors="strict"', ("tests/cli/test_console.py",),
    ),
]  # fmt: skip
