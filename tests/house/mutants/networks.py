"""Mutations of the networks of other libraries: timm's as base networks, their weights, tap, and shared folders."""

from tests.house.mutants.mutation import Mutation

TIMM, WEIGHTS = "acflib/layers/timm_base.py", "acflib/layers/timm_weights.py"
NORM, TAPPING = "acflib/layers/norm.py", "acflib/layers/tapping.py"
SHARING, CARD = "acflib/predict/sharing.py", "acflib/predict/model_card.py"
PRETRAINED = "acflib/predict/pretrained.py"
TIMM_TESTS, TAP_TESTS = "tests/layers/test_timm_base.py", ("tests/layers/test_tapping.py",)
TAP_THREADS = ("tests/layers/test_tapping_threads.py",)
SHARING_TESTS = ("tests/predict/test_sharing.py",)
CARD_TESTS = ("tests/predict/test_model_card.py",)

MUTATIONS = [
    Mutation(
        "timm: colors not converted to the network's own", TIMM,
        "return (std / own_std).view(3, 1, 1)", "return (own_std / std).view(3, 1, 1)",
        (f"{TIMM_TESTS}::test_images_are_converted_to_the_colors_of_the_network",),
    ),
    Mutation(
        "timm: a pyramid of the levels finer than the output stride", TIMM,
        "if stride >= output_stride)", "if stride <= output_stride)",
        (f"{TIMM_TESTS}::test_pyramid_is_its_maps_enlarged_and_one_behind_the_other",),
    ),
    Mutation(
        "timm: maps of the padded border kept", TIMM,
        "features[..., : cells[0], : cells[1]]", "features",
        (f"{TIMM_TESTS}::test_features_have_the_size_that_the_output_stride_says",),
    ),
    Mutation(
        "timm: patches accept aligned corners", TIMM,
        "if align_corners and not plan.on_pixels:", "if False:",
        (f"{TIMM_TESTS}::test_patches_refuse_aligned_corners",),
    ),
    Mutation(
        "timm: weights of a package in another order pass", WEIGHTS,
        'a.shape == b.shape and x.rpartition(".")[2] == y.rpartition(".")[2]', "a.shape == b.shape",
        (f"{TIMM_TESTS}::test_tensors_of_another_network_are_refused",),
    ),
    Mutation(
        "timm: a damaged file of a package passes", WEIGHTS,
        'if not hashlib.sha256(content).hexdigest().startswith(path.stem.rpartition("-")[2]):', "if False:",
        (f"{TIMM_TESTS}::test_a_damaged_file_of_a_package_is_named",),
    ),
    Mutation(
        "synchronized BatchNorm loses timm's activation", NORM,
        "return self.act(self.drop(super().forward(x)))", "return super().forward(x)",
        (f"{TIMM_TESTS}::test_synchronized_batchnorm_keeps_the_activation_inside_it",), public_bug=True,
    ),
    Mutation(
        "tap: a layer that makes part of the result passes", TAPPING,
        "if errors and min(errors) >", "if errors and max(errors) <", TAP_TESTS,
    ),
    Mutation(
        "tap: the check runs in training mode", TAPPING,
        "output = network.eval()(image)", "output = network(image)", TAP_TESTS,
    ),
    Mutation(
        "tap: the check thaws frozen modules", TAPPING,
        "        for module, training in modes:\n            module.training = training\n", "        network.train()\n",
        TAP_TESTS,
    ),
    Mutation(
        "tap: threads check at once", TAPPING,
        "            with _CHECKING:\n                if", "            if True:\n                if", TAP_THREADS,
    ),
    Mutation(
        "tap: wants the named arguments of other threads' calls", TAPPING,
        "            if threading.get_ident() == own_thread:\n                named, output = named_and_output\n",
        "            named, output = named_and_output\n            if threading.get_ident() == own_thread:\n",
        TAP_THREADS,
    ),
    Mutation(
        "shared: a mistyped path is sent to a hub", PRETRAINED,
        "is_path = path.exists() or path.parent.exists() or", "is_path = path.exists() or", SHARING_TESTS,
    ),
    Mutation(
        "shared: weights of another network are written", SHARING,
        "    _check_fits(model, facts[\"model\"])\n", "", SHARING_TESTS,
    ),
    Mutation(
        "shared: a README of the user's is lost", SHARING,
        "    _check_folder(folder)\n", "", CARD_TESTS,
    ),
    Mutation(
        "model card: coarse score under the name of fine", CARD,
        '"value": round(scores[f"miou_{part}"], 2)', '"value": round(scores["miou_coarse"], 2)', CARD_TESTS,
    ),
]  # fmt: skip
