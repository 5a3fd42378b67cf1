"""Mutations of losses, scores, inference, batch normalization, sampling and the training step."""

from tests.house.mutants.mutation import Mutation

LOSSES = "acflib/losses.py"
METRICS = "acflib/metrics.py"
INFERENCE = "acflib/predict/inference.py"
NORM = "acflib/layers/norm.py"
SAMPLING = "acflib/engine/sampling.py"
TRAINING = "acflib/training.py"
LOSS = ("tests/test_losses.py",)
HARD = ("tests/test_bootstrapping.py",)
SCORE = ("tests/test_metrics.py",)
PREDICT = ("tests/predict/test_inference.py",)
ORDER = ("tests/engine/test_sampling.py",)
RANKS = ("tests/training/test_two_ranks.py",)
STEP = ("tests/training/test_optimizer_step.py",)

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
        "place = _mirror(columns, scaled.shape[-1]) if flip else columns", "place = columns", PREDICT,
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
        "return {name: logits[name].float().softmax(dim=1) for name in outputs if name in logits}",
        "return {n: logits[n][:1].expand_as(logits[n]).float().softmax(dim=1) for n in outputs if n in logits}",
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
        "scaled = _resize_thriftily(images, _scaled_size(map_size(images), scale), align_corners)",
        "scaled = _resize_thriftily(images, _scaled_size(map_size(images), scale), False)", PREDICT,
    ),
    Mutation(
        "batch normalization takes a single value", NORM,
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
        "denominator = distributed.mean_over_ranks(pixel_weights(labels, state.class_weights).sum())",
        "denominator = pixel_weights(labels, state.class_weights).sum()", RANKS,
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
        "the oracle never reaches the training step", "acflib/training.py",
        "oracle_probs(config.oracle, ", 'oracle_probs("none", ', ("tests/layers/test_controls.py",),
    ),
    Mutation(
        "the oracle's attention is weaker where pixels are ignored", "acflib/acfnet.py",
        "None if attention_probs is None else sum_to_one(attention_probs)", "attention_probs",
        ("tests/layers/test_controls.py",),
    ),
    Mutation(
        "the control of equal capacity gets the class centers' place for nothing", "acflib/layers/controls.py",
        "return self.refine(self.reduce(features))", "return self.reduce(features)", ("tests/layers/test_controls.py",),
    ),
]  # fmt: skip
