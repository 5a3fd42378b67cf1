"""Mutations of the equations, the ACF module, the network and its base networks."""

from tests.house.mutants.mutation import Mutation

FUNCTIONAL, ACF, ACFNET, BASES = "acflib/functional.py", "acflib/acf.py", "acflib/acfnet.py", "acflib/layers/bases.py"
EQUATIONS, BLOCKS = ("tests/test_functional.py",), ("tests/test_acf.py",)
NETWORK, BASE_NETWORKS = ("tests/test_acfnet.py",), ("tests/layers/test_bases.py",)
ALIGNMENT, ALIGNED = "acflib/layers/alignment.py", ("tests/layers/test_alignment.py",)

MUTATIONS = [
    Mutation(
        "centers of absent classes are not taken away", "acflib/acfnet.py",
        "return own if class_map is None", "return None if class_map is None", ("tests/study/test_pairs.py",),
    ),
    Mutation(
        "centers permuted in the same order in each image", "acflib/layers/controls.py",
        "order = torch.rand(centers.shape[:2], generator=generator).argsort(dim=1)",
        "order = torch.rand(centers.shape[1], generator=generator).argsort().expand(centers.shape[:2])",
        ("tests/study/test_pairs.py",),
    ),
    Mutation(
        "presence taken from ignored pixels too", "acflib/engine/oracle.py",
        "label_fractions(labels, num_classes).flatten(2).any(dim=2)",
        "label_fractions(labels.clamp(max=num_classes - 1), num_classes).flatten(2).any(dim=2)",
        ("tests/study/test_pairs.py::test_ignored_pixels_are_of_no_class",),
    ),
    Mutation(
        "the narrow field still looks aside in layer4", "acflib/layers/bases.py",
        'for name in ("layer3", "layer4"):', 'for name in ("layer3",):', ("tests/layers/test_field.py",),
    ),
    Mutation(
        "field of view measured on one side", "acflib/layers/field.py",
        "return (length - after) - (before - 1) + 1", "return 2 * (length // 2 - before + 1) + 1",
        ("tests/layers/test_field.py",),
    ),
    Mutation(
        "Eq. 2: channel softmax of (max - energy)", FUNCTIONAL,
        "return (sums.transpose(1, 2) / mass).to(features.dtype)",
        "energy = sums.transpose(1, 2)\n"
        "        return (energy.amax(-1, keepdim=True) - energy).softmax(-1).to(features.dtype)",
        EQUATIONS, public_bug=True,
    ),
    Mutation(
        "Eq. 2 without its denominator", FUNCTIONAL,
        "return (sums.transpose(1, 2) / mass).to(", "return sums.transpose(1, 2).to(", EQUATIONS,
    ),
    Mutation(
        "Eq. 2 divided by the number of pixels", FUNCTIONAL,
        "mass = weights.sum(dim=2, keepdim=True)", "mass = weights.sum(dim=2, keepdim=True) * 0 + weights.shape[2]",
        EQUATIONS,
    ),
    Mutation(
        "Eq. 2: an absent class divides by 0", FUNCTIONAL,
        "mass = mass.masked_fill(mass < torch.finfo(dtype).tiny, torch.inf)", "pass", EQUATIONS,
    ),
    Mutation(
        "Eq. 2: an absent class divides by a tiny number", FUNCTIONAL,
        "mass = mass.masked_fill(mass < torch.finfo(dtype).tiny, torch.inf)",
        "mass = mass.clamp_min(torch.finfo(dtype).tiny)", EQUATIONS,
    ),
    Mutation(
        "Eq. 2 summed in half precision", FUNCTIONAL,
        "torch.promote_types(torch.promote_types(features.dtype, probabilities.dtype), torch.float32)",
        "torch.promote_types(features.dtype, probabilities.dtype)", EQUATIONS,
    ),
    Mutation(
        "Eq. 2 under autocast", "acflib/layers/alignment.py",
        "return torch.autocast(device_type, enabled=False)", "return nullcontext()", EQUATIONS,
    ),
    Mutation(
        "Eq. 1: ignored pixels averaged into class 0", FUNCTIONAL,
        "(labels == i) & (labels != ignore_index)", "labels.masked_fill(labels == ignore_index, 0) == i", EQUATIONS,
    ),
    Mutation(
        "labels out of range are not noticed", FUNCTIONAL,
        "if wrong.any():", "if False:", ("tests/test_losses.py",), public_bug=True,
    ),
    Mutation(
        "labels below 0 are not noticed", FUNCTIONAL,
        "((labels < 0) | (labels >= num_classes))", "(labels >= num_classes)", ("tests/test_losses.py",),
    ),
    Mutation(
        "ground truth as attention not scaled to sum 1", FUNCTIONAL,
        "return sum_to_one(label_fractions(labels, num_classes, size, ignore_index))",
        "return label_fractions(labels, num_classes, size, ignore_index)", EQUATIONS,
    ),
    Mutation(
        "cells of label fractions do not overlap where they do not fit", FUNCTIONAL,
        "-(-(cell + 1) * length // cells)", "(cell + 1) * length // cells", EQUATIONS,
    ),
    Mutation(
        "Eq. 3: centers not weighted", FUNCTIONAL,
        "attention = probabilities.to(centers.dtype).flatten(2)",
        "attention = torch.ones_like(probabilities, dtype=centers.dtype).flatten(2) / centers.shape[1]", EQUATIONS,
    ),
    Mutation(
        "Eq. 3: weights sum to 1 over the pixels, not over the classes", FUNCTIONAL,
        "attention = probabilities.to(centers.dtype).flatten(2)",
        "attention = probabilities.to(centers.dtype).flatten(2)\n"
        "    attention = attention / attention.sum(2, keepdim=True)", EQUATIONS,
    ),
    Mutation(
        "Eq. 3: map transposed", FUNCTIONAL,
        "return attended.unflatten(2, probabilities.shape[-2:])",
        "return attended.unflatten(2, probabilities.shape[:-3:-1]).transpose(2, 3)", EQUATIONS,
    ),
    Mutation(
        "Eq. 5: channels in the wrong order", FUNCTIONAL,
        "return scaled.flatten(1, 2)", "return scaled.transpose(1, 2).flatten(1, 2)", EQUATIONS,
    ),
    Mutation(
        "Eq. 5 factorised: columns of W in the wrong order", FUNCTIONAL,
        "weight.reshape(-1, num_classes, channels)",
        "weight.reshape(-1, channels, num_classes).transpose(1, 2)", EQUATIONS,
    ),
    Mutation(
        "centers and attention probabilities swapped", ACF,
        "centers = self.center_block(features, center_probs)",
        "center_probs, attention_probs = attention_probs, center_probs\n"
        "        centers = self.center_block(features, center_probs)", BLOCKS,
    ),
    Mutation(
        "no ReLU after the refinement", ACF,
        "return self.relu(self.bn(refined))", "return self.bn(refined)", BLOCKS,
    ),
    Mutation(
        "fusion concatenates features before context", ACF,
        "torch.cat([context, features], dim=1)", "torch.cat([features, context], dim=1)", BLOCKS,
    ),
    Mutation(
        "fusion forgets the context", ACF,
        "return self.relu(self.bn(F.conv2d(features, for_features) + mixed))",
        "return self.relu(self.bn(F.conv2d(features, for_features) + 0 * mixed))", BLOCKS,
    ),
    Mutation(
        "raw logits instead of probabilities", ACFNET,
        "probabilities = coarse.softmax(dim=1)", "probabilities = coarse", NETWORK, public_bug=True,
    ),
    Mutation(
        "softmax over the wrong axis", ACFNET,
        "probabilities = coarse.softmax(dim=1)", "probabilities = coarse.softmax(dim=2)", NETWORK,
    ),
    Mutation(
        "gradient of P cut off by default", ACFNET,
        "detach: bool = False,", "detach: bool = True,", NETWORK,
    ),
    Mutation(
        "gradient of P cut off always", ACFNET,
        "probabilities.detach() if self.detach else probabilities", "probabilities.detach()", NETWORK,
    ),
    Mutation(
        "align_corners ignored", ACFNET,
        'mode="bilinear", align_corners=align_corners', 'mode="bilinear", align_corners=False', NETWORK,
    ),
    Mutation(
        "coarse and fine result swapped", ACFNET,
        '{"out": found.fine_logits, "coarse": found.coarse_logits}',
        '{"out": found.coarse_logits, "coarse": found.fine_logits}', NETWORK,
    ),
    Mutation(
        "class maps sampled instead of averaged by area", ALIGNMENT,
        "return F.adaptive_avg_pool2d(maps, self.cells)", "return F.interpolate(maps, self.cells)", NETWORK,
    ),
    Mutation(
        "aligned corners stretched over pictures of other sizes", ACFNET,
        'getattr(base, "output_stride", None) if self.align_corners else None', "None", ALIGNED, public_bug=True,
    ),
    Mutation(
        "logits cropped at the upper left", ACFNET,
        "True)[..., : size[0], : size[1]]", "True)[..., -size[0] :, -size[1] :]", ALIGNED,
    ),
    Mutation(
        "logits upsampled in half precision", ACFNET,
        "maps = maps.to(torch.promote_types(maps.dtype, torch.float32))", "pass", ALIGNED,
    ),
    Mutation(
        "padded to a multiple of the stride", ALIGNMENT,
        "(length + stride - 2) // stride * stride + 1", "(length + stride - 1) // stride * stride", ALIGNED,
    ),
    Mutation(
        "the cell to the left of a pixel, not the nearest", ALIGNMENT,
        "(2 * place * gaps + span) // (2 * span)", "(2 * place * gaps) // (2 * span)", ALIGNED,
    ),
    Mutation(
        "class maps averaged from each cell's pixel on, not around it", ALIGNMENT,
        "(pixels - centers[:, None]).abs()", "(pixels - step / 2 - centers[:, None]).abs()", ALIGNED,
    ),
    Mutation(
        "evaluation unfreezes what was frozen", ACFNET,
        "            module.training = training\n", "            module.training = modes[0][1]\n",
        ("tests/predict/test_modes.py",),
    ),
    Mutation(
        "first block of a layer not dilated", BASES,
        "if conv.kernel_size == (3, 3):", "if conv.kernel_size == (3, 3) and conv not in list(layer[0].modules()):",
        BASE_NETWORKS,
    ),
    Mutation(
        "output stride 16 instead of 8", BASES,
        "        dilate(network.layer3, 2)\n", "", BASE_NETWORKS,
    ),
    Mutation(
        "layer 4 dilated by 2 instead of 4", BASES,
        "dilate(network.layer4, 4)", "dilate(network.layer4, 2)", BASE_NETWORKS,
    ),
    Mutation(
        "auxiliary result in evaluation too", BASES,
        "if self.aux_head is not None and self.training else None", "if self.aux_head is not None else None",
        BASE_NETWORKS,
    ),
]  # fmt: skip
