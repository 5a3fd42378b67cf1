"""Mutations of the ablation: what is averaged, with which interval, and what is taken for a result."""

from tests.house.mutants.mutation import Mutation

STATS, RESULTS = "acflib/study/ablation/stats.py", "acflib/study/ablation/results.py"
RUN, ROWS = "acflib/study/ablation/run.py", "acflib/study/ablation/rows.py"
TABLE = "acflib/study/ablation/table.py"
STATS_TESTS, RESULTS_TESTS = ("tests/study/test_ablation_stats.py",), ("tests/study/test_ablation_results.py",)
VERDICTS = ("tests/study/test_ablation_verdicts.py",)
CONCLUSIONS, CONCLUSIONS_TESTS = "acflib/study/ablation/conclusions.py", ("tests/study/test_ablation_conclusions.py",)
GRID_TEST = "tests/study/test_ablation.py::"

MUTATIONS = [
    Mutation(
        "the family concluded before it is whole", CONCLUSIONS,
        "if not all(each.whole", "if not any(each.whole", CONCLUSIONS_TESTS,
    ),
    Mutation("seeds that were not planned count", CONCLUSIONS, "set(planned).", "set(range(99)).", CONCLUSIONS_TESTS),
    Mutation(
        "presence is the whole gain", CONCLUSIONS,
        'gain(row, "own-47"), given)', 'gain(row, "own-47"), gain("self", "own-47"))', CONCLUSIONS_TESTS,
    ),
    Mutation(
        "Holm: every p counts for the whole family", "acflib/study/ablation/verdicts.py",
        "(len(order) - k) * comparisons[i].p", "len(order) * comparisons[i].p", VERDICTS,
    ),
    Mutation(
        "Holm: an adjusted p below the one before it", "acflib/study/ablation/verdicts.py",
        "largest = max(largest, min(1.0,", "largest = max(0.0, min(1.0,", VERDICTS,
    ),
    Mutation(
        "power of a one-sided test", "acflib/study/ablation/verdicts.py",
        "stats.t.ppf(1 - alpha / 2, degrees)", "stats.t.ppf(1 - alpha, degrees)", VERDICTS,
    ),
    Mutation(
        "equality from one of the two tests", "acflib/study/ablation/verdicts.py",
        "float(max(above, below))", "float(min(above, below))", VERDICTS,
    ),
    Mutation(
        "frozen base networks keep counting their statistics", "acflib/training.py",
        "state.model.base.eval()  #", "pass  #",
        ("tests/training/test_start.py::test_a_frozen_base_stays_as_it_is_and_the_heads_are_trained",),
    ),
    Mutation(
        "rows start from nothing", "acflib/engine/train_state.py", "elif config.start:", "elif False:",
        ("tests/training/test_start.py::test_a_run_starts_from_the_base_network_of_another_one",),
    ),
    Mutation(
        "a frozen base network of another output stride is taken", "acflib/engine/train_state.py",
        "if before != now:", "if False:",
        ("tests/training/test_start.py::test_a_base_network_that_would_compute_something_else_is_refused",),
    ),
    Mutation(
        "float64 weights are rounded where a run goes on", "acflib/engine/train_state.py",
        "model = model.to(weights_dtype(precision))", "pass",
        ("tests/training/test_training.py::test_float64_loses_no_digit_in_a_resume_or_an_evaluation",),
    ),
    Mutation(
        "each class turned alike in the world of own hues", "acflib/datasets/streets/color.py",
        'hues[number] if palette == "own"', 'hues[0] if palette == "own"', ("tests/datasets/test_streets_worlds.py",),
    ),
    Mutation("interval: deviation of the population", STATS, "/ (n - 1))", "/ n)", STATS_TESTS),
    Mutation("interval: a degree of freedom too many", STATS, "(CONFIDENCE, n - 1)", "(CONFIDENCE, n)", STATS_TESTS),
    Mutation(
        "differences of other seeds", STATS,
        "a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())", "x - y for x, y in zip(a.values(), b.values())",
        STATS_TESTS,
    ),
    Mutation(
        "gain over the baseline taken from coarse", TABLE,
        "paired_difference(fine, scores(loaded", "paired_difference(coarse, scores(loaded",
        ("tests/study/test_ablation_table.py",),
    ),
    Mutation(
        "results of other settings averaged", RESULTS,
        'for name in ("config", "start", "trained_on")', 'for name in ("start", "trained_on")', RESULTS_TESTS,
    ),
    Mutation(
        "results of other data averaged", RESULTS,
        'check_same(path, "data", content["data"]', 'check_same(path, "data", expected["data"]', RESULTS_TESTS,
    ),
    Mutation(
        "scores that do not fit their classes averaged", RESULTS, "- miou) > 1e-6", "- miou) > 1e6", RESULTS_TESTS,
    ),
    Mutation(
        "trained with an oracle, evaluated without", ROWS,
        "replace(e, oracle=row.oracle) for e in", "e for e in",
        ("tests/study/test_ablation_rows.py::test_oracle_rows_are_evaluated_as_they_were_trained",),
    ),
    Mutation(
        "checkpoint of other settings gone on from", RUN,
        "drop_other_run(folder, job.identity)", "folder.mkdir(parents=True, exist_ok=True)",
        (f"{GRID_TEST}test_stale_result_and_checkpoint_are_named_and_made_again",),
    ),
    Mutation(
        "runs outlive a grid that was killed", RUN, "os.kill(os.getpid(), signal.SIGTERM)", "pass",
        (f"{GRID_TEST}test_grid_that_is_stopped_loses_nothing_but_steps_of_the_run_in_flight",),
    ),
]  # fmt: skip
