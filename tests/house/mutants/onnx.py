"""Mutations of the way out of PyTorch: what the ONNX files compute and say, and what the site is built of."""

from tests.house.mutants.mutation import Mutation

GRAPHS, EXPORT = "acflib/predict/onnx_graphs.py", "acflib/predict/onnx_export.py"
RUNTIME, BUILD, PAGES = "acflib/site/runtime.py", "acflib/site/build.py", "acflib/site/pages.py"
ONNX = "tests/predict/test_onnx.py::"

MUTATIONS = [
    Mutation(
        "ONNX: regions of pooling do not overlap", GRAPHS,
        "end = ((region + 1) * length + count - 1) // count", "end = (region + 1) * length // count",
        (f"{ONNX}test_region_means_are_torchs",),
    ),
    Mutation("ONNX: sign of -0", GRAPHS, "(sign < 0) | (1 / sign < 0)", "sign < 0", (f"{ONNX}test_sign_is_torchs",)),
    Mutation(
        "ONNX: class maps of others not scaled to sum 1", GRAPHS,
        "sum_to_one(attention_probs)", "attention_probs",
        (f"{ONNX}test_command_and_metadata",),
    ),
    Mutation(
        "ONNX: logits called probabilities", GRAPHS,
        '["out"].float().softmax(dim=1)', '["out"].float()',
        (f"{ONNX}test_command_and_metadata",),
    ),
    Mutation(
        "ONNX: a file with other numbers is kept", EXPORT, "if not found <= TOLERANCE", "if not found <= 1e6",
        (f"{ONNX}test_a_file_with_other_numbers_is_not_kept",),
    ),
    Mutation(
        "ONNX: mean and std swapped", EXPORT, '"mean": list(IMAGENET_MEAN)', '"mean": list(IMAGENET_STD)',
        (f"{ONNX}test_metadata",),
    ),
    Mutation(
        "site: any file taken for the pinned runtime", RUNTIME,
        "if hashlib.sha256(content).hexdigest() != sha256", "if not content",
        ("tests/site/test_runtime.py",),
    ),
    Mutation(
        "site: a folder of others is replaced", BUILD,
        "any(out.iterdir()) and not (out / MARK).is_file()", "False",
        ("tests/site/test_build.py",),
    ),
    Mutation(
        "site: the older site is lost where the new one fails", BUILD,
        "            older.rename(out)\n", "            pass\n",
        ("tests/site/test_build.py",),
    ),
    Mutation(
        "site: links of pages keep their folder", PAGES,
        'return "../" * page.count("/") + target', "return target",
        ("tests/site/test_pages.py::test_links_lead_to_pages",),
    ),
]  # fmt: skip
