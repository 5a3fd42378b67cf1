"""Similarity maps and what goes with them, compared with loops, scikit-learn and facts of mathematics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import cosine_similarity

from acflib import similarity
from acflib.errors import ConfigError


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def features(c=5, h=4, w=6, seed=0):
    return torch.randn(c, h, w, generator=random(seed), dtype=torch.float64)


# ---- similarity


def test_map_is_that_of_scikit_learn():
    x = features()
    pixels = x.flatten(1).T.numpy()  # (C, h, w) -> (hw, C)
    for row in range(4):
        for column in range(6):
            expected = cosine_similarity(pixels[row * 6 + column][None], pixels).reshape(4, 6)
            found = similarity.cosine_similarity_map(x, row, column)
            torch.testing.assert_close(found, torch.from_numpy(expected))


def test_map_by_hand():
    x = torch.tensor([[[1.0, 0.0, 3.0]], [[0.0, 2.0, 4.0]]])  # (2, 1, 3): the vectors (1, 0), (0, 2), (3, 4)
    assert similarity.cosine_similarity_map(x, 0, 0).tolist() == [[1, 0, pytest.approx(0.6)]]
    assert similarity.cosine_similarity_map(x, 0, 1).tolist() == [[0, 1, pytest.approx(0.8)]]


def test_length_of_a_feature_does_not_matter():
    x = features()
    lengths = torch.rand(4, 6, generator=random(1), dtype=torch.float64) * 100 + 1e-3
    torch.testing.assert_close(
        similarity.cosine_similarity_map(x * lengths, 2, 3), similarity.cosine_similarity_map(x, 2, 3)
    )


def test_zero_feature_is_similar_to_nothing():
    x = features()
    x[:, 1, 2] = 0
    assert not similarity.cosine_similarity_map(x, 1, 2).any()
    assert similarity.cosine_similarity_map(x, 0, 0)[1, 2] == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype):
    x = 100 * torch.ones(4096, 1, 2, dtype=dtype)  # the sum of squares is beyond float16
    assert similarity.cosine_similarity_map(x, 0, 0).tolist() == [[pytest.approx(1)] * 2]


def test_similarity_never_leaves_its_range():
    x = features(64, 20, 20).float()
    for place in range(20):
        found = similarity.cosine_similarity_map(x, place, place)
        assert found.abs().max() <= 1 and found[place, place] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("row", "column", "word"), [(4, 0, "row 4"), (-1, 0, "row -1"), (0, 6, "column 6")])
def test_pixel_outside(row, column, word):
    with pytest.raises(ConfigError, match=f"{word} is outside"):
        similarity.cosine_similarity_map(features(), row, column)


def test_features_of_a_batch_are_refused():
    with pytest.raises(ConfigError, match="those of one picture"):
        similarity.unit_features(features()[None])


def test_similarity_to_centers():
    centers = features()[:, 0].T.contiguous()  # (6, 5)
    centers[2] = 0
    feature = features(seed=3)[:, 1, 1]
    expected = cosine_similarity(feature[None].numpy(), centers.numpy())[0]
    torch.testing.assert_close(similarity.similarity_to_centers(feature, centers), torch.from_numpy(expected))
    with pytest.raises(ConfigError, match=r"\(4,\) and \(6, 5\)"):
        similarity.similarity_to_centers(feature[:4], centers)


# ---- smoothing


def test_no_smoothing_is_the_map_itself():
    values = features()[0]
    assert similarity.smooth_map(values, 0) is values


def test_smoothing_by_loops():
    values, sigma = features()[0], 0.8
    found = similarity.smooth_map(values, sigma)
    for r in range(4):
        for c in range(6):
            total = weight = 0.0
            for i in range(4):
                for j in range(6):
                    share = math.exp(-((r - i) ** 2 + (c - j) ** 2) / (2 * sigma**2))
                    total, weight = total + share * values[i, j].item(), weight + share
            assert found[r, c].item() == pytest.approx(total / weight)


def test_smoothing_keeps_a_constant():
    torch.testing.assert_close(similarity.smooth_map(torch.full((5, 3), 0.7), 2.0), torch.full((5, 3), 0.7))


@pytest.mark.parametrize("sigma", [-1, math.inf, math.nan])
def test_smoothing_that_makes_no_sense(sigma):
    with pytest.raises(ConfigError, match="smoothing"):
        similarity.smooth_map(features()[0], sigma)


# ---- cells


def test_cells_cover_the_picture_in_equal_parts():
    cells = [similarity.cell_of_pixel(0, column, (8, 32), (2, 4)) for column in range(32)]
    assert [column for _, column in cells] == [0] * 8 + [1] * 8 + [2] * 8 + [3] * 8


def test_cells_with_aligned_corners():
    """769 pixels and 97 cells: cell k has its center on pixel 8k, and the nearest cell is meant."""
    for pixel in range(769):
        row, column = similarity.cell_of_pixel(pixel, 768 - pixel, (769, 769), (97, 97), align_corners=True)
        assert row == math.floor(pixel / 8 + 0.5)
        assert column == math.floor((768 - pixel) / 8 + 0.5)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_cells_are_inside_and_in_order(length, count, align):
    found = [similarity.cell_of_pixel(row, 0, (length, 1), (count, 1), align)[0] for row in range(length)]
    assert found == sorted(found) and 0 <= found[0] and found[-1] < count
    if length >= count:
        assert set(found) == set(range(count)) if not align or count == 1 or length == 1 else found[-1] == count - 1


# ---- principal components


@pytest.mark.parametrize("shape", [(50, 7), (6, 40)])
def test_axes_are_those_of_scikit_learn(shape):
    points = torch.randn(*shape, generator=random(), dtype=torch.float64) * torch.arange(1, shape[1] + 1)
    mean, axes = similarity.principal_axes(points, 3)
    expected = PCA(3).fit(points.numpy())
    torch.testing.assert_close(mean, torch.from_numpy(expected.mean_))
    for axis, other in zip(axes.numpy(), expected.components_, strict=True):
        np.testing.assert_allclose(axis * np.sign(axis @ other), other, atol=1e-8)
        assert axis[np.abs(axis).argmax()] > 0
    projected = similarity.project(points, mean, axes)
    np.testing.assert_allclose(projected.var(0).numpy(), expected.explained_variance_, rtol=1e-8)


def test_axes_of_points_on_a_line():
    points = torch.tensor([[0.0, 0.0], [1.0, 1.0], [3.0, 3.0]])
    _, axes = similarity.principal_axes(points, 2)
    torch.testing.assert_close(axes, torch.tensor([[0.5**0.5, 0.5**0.5], [0.0, 0.0]]))


def test_axes_of_one_point_are_zero():
    mean, axes = similarity.principal_axes(torch.ones(1, 4), 2)
    assert mean.tolist() == [1] * 4 and not axes.any() and axes.shape == (2, 4)
    with pytest.raises(ConfigError, match="n at least 1"):
        similarity.principal_axes(torch.ones(0, 4), 2)


def test_sign_does_not_depend_on_the_order_of_points():
    points = torch.randn(30, 6, generator=random(4), dtype=torch.float64)
    shuffled = points[torch.randperm(30, generator=random(5))]
    torch.testing.assert_close(similarity.principal_axes(points, 3), similarity.principal_axes(shuffled, 3))


def test_feature_picture_shows_the_first_component_as_red():
    """Two kinds of pixels: the first component tells them apart, nothing else differs."""
    x = torch.zeros(4, 6, 10)
    x[2, :, 5:] = 1
    picture = similarity.feature_picture(x)
    assert picture.dtype == np.uint8 and picture.shape == (6, 10, 3)
    assert (picture[:, :5, 0] == 0).all() and (picture[:, 5:, 0] == 255).all()
    assert len(np.unique(picture[..., 1:])) == 1  # the other components do not exist
    assert len(np.unique(similarity.feature_picture(torch.ones(4, 6, 10)))) == 1


# ---- what a pixel takes


def test_shares_by_loops():
    centers = torch.randn(3, 4, generator=random(), dtype=torch.float64)
    p = torch.rand(3, 2, 5, generator=random(1), dtype=torch.float64)
    found = similarity.taken_shares(centers, p)
    for r in range(2):
        for c in range(5):
            attended = sum(p[i, r, c] * centers[i] for i in range(3))  # Eq. 3
            for i in range(3):
                assert found[i, r, c] == pytest.approx(
                    (p[i, r, c] * centers[i] @ attended / (attended @ attended)).item()
                )
    torch.testing.assert_close(found.sum(0), torch.ones(2, 5, dtype=torch.float64))


def test_shares_of_concat_by_loops():
    centers = torch.randn(3, 4, generator=random(), dtype=torch.float64)
    p = torch.rand(3, 2, 5, generator=random(1), dtype=torch.float64)
    found = similarity.taken_shares(centers, p, "concat")
    attended = torch.cat([p[i] * centers[i][:, None, None] for i in range(3)])  # Eq. 5, (N*C, h, w)
    parts = attended.square().unflatten(0, (3, 4)).sum(1)
    torch.testing.assert_close(found, parts / attended.square().sum(0))


def test_a_short_center_gives_little():
    """Half and half by weight, but the second center is ten times as long."""
    centers = torch.tensor([[1.0, 0.0], [0.0, 10.0]])
    p = torch.full((2, 1, 1), 0.5)
    assert similarity.taken_shares(centers, p).flatten().tolist() == [pytest.approx(1 / 101), pytest.approx(100 / 101)]
    assert similarity.most_taken_class(centers, p).tolist() == [[1]]


def test_shares_of_nothing_are_zero():
    assert not similarity.taken_shares(torch.zeros(2, 3), torch.rand(2, 4, 4)).any()
    with pytest.raises(ConfigError, match="variant"):
        similarity.taken_shares(torch.zeros(2, 3), torch.rand(2, 4, 4), "center")


# ---- wrong pixels


def maps():
    truth = np.zeros((4, 8), dtype=np.uint8)
    truth[0, 0] = 255
    coarse, fine = truth.copy(), truth.copy()
    coarse[0, 0] = 3  # ignored: does not count
    coarse[0:2, 1] = 1  # two corrected pixels in the upper left cell of a 2 x 2 grid
    coarse[3, 4:8] = 1  # four in the lower right one
    fine[2, 0] = 2  # one broken
    coarse[1, 7], fine[1, 7] = 4, 5  # wrong before and after: neither
    return coarse, fine, truth


def test_wrong_pixels():
    corrected = similarity.wrong_pixels("corrected", *maps(), grid=(2, 2))
    # Most first. In the lower right cell, rows 2-3 and columns 4-7, columns 5 and 6 are nearest to the middle.
    # Among equals the upper left one.
    assert corrected == [(3, 5), (0, 1)]
    assert similarity.wrong_pixels("broken", *maps(), grid=(2, 2)) == [(2, 0)]


def test_wrong_pixels_are_what_they_are_called():
    generator = np.random.default_rng(0)
    coarse, fine, truth = generator.integers(0, 3, (3, 20, 30)).astype(np.uint8)
    truth[:, :3] = 255
    for kind, right, wrong in (("corrected", fine, coarse), ("broken", coarse, fine)):
        found = similarity.wrong_pixels(kind, coarse, fine, truth, (5, 6))
        cells = {(row * 5 // 20, column * 6 // 30) for row, column in found}
        assert len(cells) == len(found) > 20
        for pixel in found:
            assert right[pixel] == truth[pixel] != wrong[pixel]
        marked = (right == truth) & (wrong != truth) & (truth != 255)
        counts = [
            marked[r * 5 // 20 * 4 : r * 5 // 20 * 4 + 4, c * 6 // 30 * 5 : c * 6 // 30 * 5 + 5].sum() for r, c in found
        ]
        assert counts == sorted(counts, reverse=True)


def test_next_wrong_pixel_goes_round():
    pixels = [(3, 5), (0, 1), (2, 2)]
    assert similarity.next_wrong_pixel(pixels, (9, 9)) == (3, 5)
    assert similarity.next_wrong_pixel(pixels, (3, 5)) == (0, 1)
    assert similarity.next_wrong_pixel(pixels, (2, 2)) == (3, 5)
    assert similarity.next_wrong_pixel([], (0, 0)) is None
    with pytest.raises(ConfigError, match="corrected, broken"):
        similarity.wrong_pixels("improved", *maps(), grid=(2, 2))
