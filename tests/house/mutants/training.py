"""Mutations of losses, scores, inference, batch normalisation, sampling and the training step."""

from tests.house.mutants.mutation import Mutation

LOSSES, METRICS, INFERENCE = "acflib/losses.py", "acflib/metrics.py", "acflib/predict/inference.py"
NORM, SAMPLING, TRAINING = "acflib/layers/norm.py", "acflib/engine/sampling.py", "acflib/training.py"
LOSS, HARD = ("tests/test_losses.py",), ("tests/test_bootstrapping.py",)
SCORE, PREDICT = ("tests/test_metrics.py",), ("tests/predict/test_inference.py",)
ORDER = ("tests/engine/test_sampling.py",)
READING, READ = "acflib/datasets/reading.py", ("tests/datasets/test_reading.py",)
ROWS = ("tests/predict/test_predict_files.py::test_rows_of_windows_equal_the_whole",)
RANKS, STEP = ("tests/training/test_two_ranks.py",), ("tests/training/test_optimiser_step.py",)
FOLDER, DEVICES = "tests/engine/test_run_folder.py", ("tests/engine/test_devices.py",)

MUTATIONS = [
    Mutation(
        "loss averaged over ignored pixels", LOSSES,
        "_nonzero(weights.sum() if denominator is None else denominator)",
        "_nonzero(weights.new_tensor(labels.numel()) if denominator is None else denominator)",
        LOSS, public_bug=True,
    ),
    Mutation(
        "loss of an ignored batch is NaN", LOSSES,
        "return denominator.masked_fill(denominator == 0, 1.0)", "return denominator", LOSS,
    ),
    Mutation(
        "each part of a batch divided by its own denominator", LOSSES,
        "weights.sum() if denominator is None else denominator", "weights.sum()", LOSS,
    ),
    Mutation(
        "class weights forgotten", LOSSES,
        "class_weights[labels.masked_fill(~valid, 0)] * valid", "valid.to(class_weights.dtype)", LOSS,
    ),
    Mutation(
        "auxiliary and coarse weight swapped", LOSSES,
        '("coarse", config.coarse_weight), ("aux", config.aux_weight)',
        '("coarse", config.aux_weight), ("aux", config.coarse_weight)', LOSS,
    ),
    Mutation(
        "baseline with the weight of the fine loss", LOSSES,
        'config.fine_weight if "coarse" in logits else config.baseline_weight', "config.fine_weight", LOSS,
    ),
    Mutation(
        "poly rule without its power", LOSSES,
        "return initial * (1 - iteration / iterations) ** power", "return initial * (1 - iteration / iterations)", LOSS,
    ),
    Mutation(
        "poly rule with the wrong sign", LOSSES,
        "return initial * (1 - iteration / iterations)", "return initial * (1 + iteration / iterations)", LOSS,
    ),
    Mutation(
        "K times the batch size", LOSSES,
        "keep = pixels_to_keep(config.bootstrap_keep, labels.numel(), 1)",
        "keep = len(labels) * pixels_to_keep(config.bootstrap_keep, labels.numel(), 1)", HARD, public_bug=True,
    ),
    Mutation(
        "K not shared out over processes and micro-batches", LOSSES,
        "round(total / parts, 6)", "round(total, 6)", HARD,
    ),
    Mutation(
        "all ties kept", LOSSES, "(tied & (tied.cumsum(0, dtype=torch.int32) <= keep - lower.sum()))", "tied", HARD,
    ),
    Mutation(
        "one tie too many kept", LOSSES, "<= keep - lower.sum()", "<= keep - lower.sum() + 1", HARD,
    ),
    Mutation(
        "a diverged pixel is no hard one", LOSSES,
        "hard = ~(probability >= threshold)", "hard = probability < threshold", HARD,
    ),
    Mutation(
        "ignored pixels take places among the K", LOSSES,
        ".masked_fill(~valid, torch.inf)", ".masked_fill(~valid, 0.0)", HARD,
    ),
    Mutation(
        "probability of the true class with the wrong sign", LOSSES,
        "probability = torch.exp(-cross_entropy)", "probability = torch.exp(cross_entropy)", HARD,
    ),
    Mutation(
        "bootstrapping keeps the easy pixels", LOSSES,
        "hard = ~(probability >= threshold)", "hard = probability > threshold", HARD,
    ),
    Mutation(
        "bootstrapping fills up with the easiest pixels", LOSSES,
        "probability.topk(keep, largest=False, sorted=False)", "probability.topk(keep, sorted=False)", HARD,
    ),
    Mutation(
        "bootstrapped micro-batches added, not averaged", LOSSES,
        "fine = fine / parts", "pass", HARD,
    ),
    Mutation(
        "memory counted before there is momentum", "acflib/cli/estimates.py",
        "        step()\n        step()  # momentum comes with the first", "        step()",
        ("tests/cli/test_estimates.py",),
    ),
    Mutation(
        "IoU without false positives", METRICS,
        "hits / (confusion.sum(dim=0) + confusion.sum(dim=1) - hits)", "hits / confusion.sum(dim=1)", SCORE,
    ),
    Mutation(
        "confusion matrix transposed", METRICS,
        "truth * num_classes + guess", "guess * num_classes + truth", SCORE,
    ),
    Mutation(
        "scores count ignored pixels as class 0", METRICS,
        "truth, guess = labels[valid].long(), predictions[valid].long()",
        "truth, guess = labels.masked_fill(~valid, 0).flatten().long(), predictions.flatten().long()", SCORE,
    ),
    Mutation(
        "absent classes count as IoU 0", METRICS,
        ".nanmean()", ".nan_to_num().mean()", SCORE,
    ),
    Mutation(
        "scores take labels out of range", METRICS,
        "if values.numel() and not", "if False and not", SCORE, public_bug=True,
    ),
    Mutation(
        "mirrored along the height", INFERENCE, "MIRRORED = 3 ", "MIRRORED = 2 ", PREDICT, public_bug=True,
    ),
    Mutation(
        "mirrored result not mirrored back", INFERENCE,
        "piece = piece.flip(dims=[MIRRORED]) if window.mirrored else piece", "pass", PREDICT,
    ),
    Mutation(
        "mirrored windows put in the wrong place", INFERENCE,
        "place = _mirror(columns, width) if flip else columns", "place = columns", PREDICT,
    ),
    Mutation(
        "scaled results not resized back", INFERENCE,
        "sums[..., rows.reached, columns.reached] += columns.weigh(piece, dim=3)", "pass", PREDICT, public_bug=True,
    ),
    Mutation(
        "resized pixels made of one pixel instead of two", INFERENCE,
        "return found.addcmul_(maps.index_select(dim, self.second), self.weights[1].view(shape))",
        "return found", PREDICT,
    ),
    Mutation(
        "last pixel of a window counted twice when resized", INFERENCE,
        "pair[1] *= second > first", "pair[1] *= 1", PREDICT,
    ),
    Mutation(
        "image 0's prediction for the whole batch", INFERENCE,
        "logits = model(images, **class_maps)",
        "logits = {name: maps[:1].expand_as(maps) for name, maps in model(images, **class_maps).items()}",
        PREDICT, public_bug=True,
    ),
    Mutation(
        "logits averaged instead of probabilities", INFERENCE,
        "logits[name].float().softmax(dim=1)", "logits[name].float()", PREDICT, public_bug=True,
    ),
    Mutation(
        "last window not flush with the end", INFERENCE,
        "return [*range(0, length - window, step), length - window]",
        "return [*range(0, length - window + 1, step)]", PREDICT,
    ),
    Mutation(
        "windows do not overlap", INFERENCE,
        "step = max(1, int(window * (1 - overlap)))", "step = window", PREDICT,
    ),
    Mutation(
        "overlapping windows added, not averaged", INFERENCE,
        "row_share[rows, None] * column_share[columns]", "torch.ones(1)", PREDICT,
    ),
    Mutation(
        "mirrored passes not counted in the mean", INFERENCE,
        "passes = len(config.scales) * len(flips)", "passes = len(config.scales)", PREDICT,
    ),
    Mutation(
        "scaled image resized with other corners", INFERENCE,
        "scaled = _resize_thriftily(images, _scaled_size(images.shape[-2:], scale), align_corners)",
        "scaled = _resize_thriftily(images, _scaled_size(images.shape[-2:], scale), False)", PREDICT,
    ),
    Mutation(
        "batch normalisation takes a single value", NORM,
        "* processes == 1:", "* processes == 0:", ("tests/layers/test_norm.py",),
    ),
    Mutation(
        "mean of the processes' means, whatever their shares", NORM,
        "count, mean = count_and_sum[0], count_and_sum[1:] / count_and_sum[0]",
        "count, mean = count_and_sum[0], sum_with_gradient(x.mean(dim=(0, 2, 3))) / dist.get_world_size()", RANKS,
    ),
    Mutation(
        "no gradient back to the other processes", "acflib/distributed.py",
        "return _Sum.apply(gradient)", "return gradient", RANKS,
    ),
    Mutation(
        "each process scores with running statistics of its own", "acflib/predict/evaluation.py",
        "distributed.share_buffers(model)  #", "#", RANKS,
    ),
    Mutation(
        "processes resume at different iterations", "acflib/engine/run_folder.py",
        "if len(positions) > 1:", "if len(positions) > 2:", RANKS,
    ),
    Mutation(
        "a resumed run chooses its precision anew", "acflib/engine/run_folder.py",
        'stored if config.precision == "auto" else config.precision', "config.precision",
        (FOLDER + "::test_the_precision_in_use_is_stored",),
    ),
    Mutation(
        "a run goes on with other data", "acflib/engine/run_folder.py",
        "if frames not in (None, len(dataset)):", "if False:", (FOLDER + "::test_other_data_is_refused",),
    ),
    Mutation(
        "two runs in one folder", "acflib/engine/run_folder.py",
        "return True if error.errno in (errno.EACCES, errno.EAGAIN) else None", "return False",
        (FOLDER + "::test_two_runs_in_one_folder",),
    ),
    Mutation(
        "an evaluation that was missed is left out", TRAINING,
        "distributed.any_rank(log.lacks_scores(state.position), device)", "False",
        (FOLDER + "::test_an_evaluation_that_fails_loses_nothing",),
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
        "if threading.get_ident() == own_thread:", "if True:", ("tests/layers/test_tapping.py",),
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
        "running variance biased", NORM,
        "variance * count / (count - 1)", "variance", RANKS,
    ),
    Mutation(
        "no gradient through the variance over processes", NORM,
        "variance = sum_with_gradient(centered.square().sum(dim=(0, 2, 3))) / count",
        "variance = sum_with_gradient(centered.square().sum(dim=(0, 2, 3))).detach() / count", RANKS,
    ),
    Mutation(
        "incomplete batches not dropped", SAMPLING,
        "self.batches_per_epoch = length // batch_size", "self.batches_per_epoch = -(-length // batch_size)", ORDER,
    ),
    Mutation(
        "every epoch in the same order", SAMPLING,
        "default_rng([self.seed, epoch])", "default_rng([self.seed, 0])", ORDER,
    ),
    Mutation(
        "every process gets the same images", SAMPLING,
        "slice(rank * share, (rank + 1) * share)", "slice(0, share)", ORDER,
    ),
    Mutation(
        "a resumed run starts the epoch again", SAMPLING,
        "for position in range(self.first, self.last):", "for position in range(0, self.last - self.first):", ORDER,
    ),
    Mutation(
        "loss divided by the valid pixels of one process", TRAINING,
        "denominator = distributed.mean_over_ranks(pixel_weights(labels, class_weights).sum())",
        "denominator = pixel_weights(labels, class_weights).sum()", RANKS,
    ),
    Mutation(
        "gradients of earlier steps not cleared", TRAINING,
        "state.optimizer.zero_grad()", "pass", STEP,
    ),
    Mutation(
        "learning rate of the schedule not used", TRAINING,
        'group["lr"] = learning_rate', "pass", STEP,
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
        "the oracle never reaches the training step", "acflib/training.py",
        "oracle_probs(config.oracle, ", 'oracle_probs("none", ', ("tests/layers/test_controls.py",),
    ),
    Mutation(
        "the oracle's attention is weaker where pixels are ignored", "acflib/acfnet.py",
        'sum_to_one(self._fit("attention_probs", attention_probs, coarse))',
        'self._fit("attention_probs", attention_probs, coarse)', ("tests/layers/test_controls.py",),
    ),
    Mutation(
        "the control of equal capacity gets the class centers' place for nothing", "acflib/layers/controls.py",
        "return self.refine(self.reduce(features))", "return self.reduce(features)", ("tests/layers/test_controls.py",),
    ),
    Mutation(
        "grey label files of 2 and 4 bits stretched", READING,
        "return values // (255 // (2 ** _png_depth(path) - 1)) if grey else values", "return values", READ,
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
        "normalizing overwrites the picture", "acflib/datasets/transforms.py",
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
        "SIGTERM passed on as SIGINT, which is ignored in the background", "acflib/engine/interrupts.py",
        "    raise KeyboardInterrupt", "    signal.raise_signal(signal.SIGINT)", ("tests/engine/test_interrupts.py",),
    ),
    Mutation(
        "SIGTERM of the batch system and of the grid taken for two", "acflib/engine/interrupts.py",
        "SAME_SECONDS = 3.0", "SAME_SECONDS = 0.0", ("tests/engine/test_interrupts.py",),
    ),
    Mutation(
        "letters that the console has not end a command", "acflib/cli/parser.py",
        'errors="backslashreplace"', 'errors="strict"', ("tests/cli/test_console.py",),
    ),
]  # fmt: skip
