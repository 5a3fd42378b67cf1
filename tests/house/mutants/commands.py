"""Mutations of the commands, and of the way from a name or a file to a network."""

from tests.house.mutants.mutation import Mutation

DISTRIBUTED, PRETRAINED = "acflib/distributed.py", "acflib/predict/pretrained.py"

MUTATIONS = [
    Mutation(
        "processes not left after an error of evaluate or export", DISTRIBUTED,
        "    finally:\n        if own:\n            shutdown()", "    finally:\n        pass",
        ("tests/cli/test_cli.py::test_processes_are_left_after_an_error_too",),
    ),
    Mutation(
        "a folder of that name hides the pretrained weights", PRETRAINED,
        "Path(name).is_file()", "Path(name).exists()", ("tests/predict/test_pretrained.py",),
    ),
    Mutation(
        "a network of 19 classes whatever the data has", "acflib/engine/config.py",
        "replace(model, num_classes=num_classes)", "replace(model, num_classes=19)",
        ("tests/datasets/test_camvid.py",),
    ),
]  # fmt: skip
