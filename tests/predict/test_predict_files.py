"""``acflib predict`` on folders as they are: other formats, its own results, odd sizes; and the memory it takes."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from acflib.datasets.base import read_image
from acflib.datasets.transforms import normalize_image
from acflib.errors import ConfigError, DataError
from acflib.predict import inference
from acflib.predict.inference import InferenceConfig, predict_probabilities
from acflib.predict.pictures import add_legend, overlay, side_by_side, stack
from acflib.predict.predicting import find_photographs, predict_files, predict_labels
from benchmarks.memory import cpu_peak

CLASSES = ["dark", "bright"]
COLORS = [(0, 0, 128), (255, 255, 0)]
RGB = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


class Brightness(nn.Module):
    """Class 1 where a pixel is brighter than the middle: each pixel decides for itself."""

    acf, align_corners = None, False

    def __init__(self, channels=2):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.eval()

    def forward(self, x, **_):
        bright = x.mean(1, keepdim=True)
        return {"out": torch.cat([-bright, bright], 1).repeat(1, len(self.scale) // 2, 1, 1)}


def run(paths, out, **settings):
    return predict_files(Brightness(), paths, out, CLASSES, COLORS, progress=False, **settings)


# ---- folders


def test_a_folder_of_many_formats(tmp_path, capsys):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in ("a.png", "b.JPG", "c.jpeg", "d.webp", "e.tif", "f.TIFF", "g.bmp"):
        Image.fromarray(RGB).save(folder / name)
    for name in ("h.heic", "i.CR2", "notes.txt", "j.gif", "k.txt"):
        (folder / name).write_bytes(b"x")
    written = run([folder], tmp_path / "out")
    assert sorted({path.stem.split("_")[0] for path in written}) == list("abcdefg")
    told = capsys.readouterr().err
    assert "h.heic passed over" in told and "Export it as JPEG" in told and "i.CR2 passed over" in told
    assert "j.gif and 2 more passed over" in told
    assert "a.png" not in told


def test_a_folder_that_holds_other_files_alone(tmp_path):
    (tmp_path / "a.heic").write_bytes(b"x")
    with pytest.raises(DataError, match="holds no photographs.*a.heic passed over.*HEIC.*JPEG"):
        find_photographs([tmp_path])


def test_run_twice_into_its_own_folder(tmp_path, capsys):
    Image.fromarray(RGB).save(tmp_path / "street.jpg")
    first = run([tmp_path], tmp_path)
    contents = {path.name: path.read_bytes() for path in first}
    assert run([tmp_path], tmp_path) == first and len(first) == 2
    assert {path.name: path.read_bytes() for path in first} == contents
    assert sorted(p.name for p in tmp_path.iterdir()) == ["street.jpg", "street_classes.png", "street_overlay.png"]
    assert "made by acflib predict" in capsys.readouterr().err
    (tmp_path / "street_classes.png").unlink()  # of a run that was stopped between the two
    assert run([tmp_path], tmp_path) == first
    (tmp_path / "street.jpg").unlink()
    with pytest.raises(DataError, match="holds no photographs.*made by acflib predict"):
        run([tmp_path], tmp_path)


def test_a_photograph_is_not_taken_for_a_result_by_half_its_name(tmp_path):
    for name in ("night_overlay.png", "classes.png", "_overlay.jpg"):
        Image.fromarray(RGB).save(tmp_path / name)
    assert len(find_photographs([tmp_path])) == 3


def test_no_result_is_written_over_a_photograph(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "a_overlay.png"]
    for path in paths:
        Image.fromarray(RGB).save(path)
    before = paths[1].read_bytes()
    with pytest.raises(DataError, match="would overwrite a photograph; pass another --out"):
        run(paths, tmp_path)
    assert paths[1].read_bytes() == before


# ---- odd sizes


@pytest.mark.parametrize("size", [(500, 1), (1, 500), (3, 2000), (1, 1)])
def test_a_thin_picture_gives_an_overlay_of_reasonable_size(tmp_path, size):
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(tmp_path / "thin.png")
    run([tmp_path / "thin.png"], tmp_path / "out")
    width, height = Image.open(tmp_path / "out" / "thin_overlay.png").size
    assert 640 <= width <= 2000 and height <= 2200
    assert np.asarray(Image.open(tmp_path / "out" / "thin_classes.png")).shape == size


def test_small_pictures_are_enlarged_as_before():
    labels = np.zeros((64, 128), np.uint8)
    sheet = add_legend(np.zeros((64, 128, 3), np.uint8), labels, CLASSES, COLORS)
    assert sheet.size == (640, 5 * 64 + 24 + 12)


def test_thin_pictures_side_by_side():
    tall, wide = np.zeros((500, 1, 3), np.uint8), np.zeros((1, 5000, 3), np.uint8)
    rows = [side_by_side([picture] * 3, ["a", "b", "c"]) for picture in (tall, wide)]
    assert all(max(row.size) <= 1600 for row in rows)
    assert stack(rows).size == (max(row.width for row in rows), sum(row.height for row in rows))


# ---- other depths


def test_labels_are_those_of_the_8_bit_copy():
    expected = predict_labels(Brightness(), RGB)
    assert {0, 1} == set(np.unique(expected))
    np.testing.assert_array_equal(predict_labels(Brightness(), RGB.astype(np.uint16) * 257), expected)
    np.testing.assert_array_equal(predict_labels(Brightness(), RGB / 255), expected)
    with pytest.raises(DataError, match="0 to 1"):
        predict_labels(Brightness(), RGB.astype(np.float32))


# ---- memory


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("window", "overlap"), [((16, 16), 1 / 3), ((7, 50), 0.8), ((16, 9), 0.0), ((100, 100), 0.5)])
def test_rows_of_windows_equal_the_whole(window, overlap, flip):
    torch.manual_seed(0)

    class Context(nn.Module):
        """What a pixel is depends on the whole window."""

        acf, align_corners = None, False

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 5, padding=2)
            self.eval()

        def forward(self, x, **_):
            return {"out": 9 * self.conv(x) + self.conv(x).mean((2, 3), keepdim=True)}

    network, image = Context(), np.random.default_rng(1).integers(0, 256, (53, 61, 3), dtype=np.uint8)
    config = InferenceConfig(window=window, overlap=overlap, flip=flip)
    batch = normalize_image(torch.from_numpy(image).permute(2, 0, 1))[None]
    whole = predict_probabilities(network, batch, config)["out"][0]
    found = torch.from_numpy(predict_labels(network, image, config)).long()
    best = whole.max(0).values
    assert (best - whole.gather(0, found[None])[0]).max() < 1e-6  # the largest, but for a tie in float32


def test_a_window_bounds_the_memory_whatever_the_height():
    """All classes of the whole picture would be 19 MB each time the picture has 256 rows more."""
    network = Brightness(channels=20)
    config = InferenceConfig(window=(64, 64))
    peaks = [
        cpu_peak(lambda height=height: predict_labels(network, np.zeros((height, 1024, 3), np.uint8), config))
        for height in (256, 2048)
    ]
    whole = 20 * 4 * 2048 * 1024
    assert peaks[1] - peaks[0] < whole / 16  # little but what windows share grows


def test_a_largest_side(tmp_path):
    big = np.repeat(np.repeat(RGB, 4, 0), 4, 1)  # (96, 160)
    Image.fromarray(big).save(tmp_path / "big.png")
    seen = []

    class Seeing(Brightness):
        def forward(self, x, **_):
            seen.append(tuple(x.shape[-2:]))
            return super().forward(x)

    for side in (40, 160, None):
        predict_files(
            Seeing(), [tmp_path / "big.png"], tmp_path / "out", CLASSES, COLORS, progress=False, max_side=side
        )
        assert np.asarray(Image.open(tmp_path / "out" / "big_classes.png")).shape == (96, 160)
    assert seen == [(24, 40), (96, 160), (96, 160)]
    with pytest.raises(ConfigError, match="max_side must be at least 1"):
        run([tmp_path / "big.png"], tmp_path / "out", max_side=0)


SHORT = [
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError(),
]


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("window", "mend"),
    [(None, "--window 769 769.*--max-side 20"), ((16, 16), "a smaller --window.*--max-side")],
)
def test_too_little_memory_is_said_with_what_to_do(tmp_path, monkeypatch, error, window, mend):
    def short(*_, **__):
        raise error

    Image.fromarray(RGB).save(tmp_path / "a.png")
    monkeypatch.setattr(inference, "_probabilities", short)
    with pytest.raises(ConfigError, match=f"not enough memory for 40x.*{mend}"):  # a line, on the command line
        run([tmp_path / "a.png"], tmp_path / "out", config=InferenceConfig(window=window))


def test_other_errors_stay_what_they_are(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(inference, "_probabilities", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        predict_labels(Brightness(), RGB)


def test_an_overlay_mixes_every_row():
    image = np.random.default_rng(2).integers(0, 256, (600, 3, 3), dtype=np.uint8)
    labels = np.random.default_rng(3).integers(0, 2, (600, 3), dtype=np.uint8)
    expected = np.round((1 - 0.7) * image + 0.7 * np.array(COLORS)[labels])
    np.testing.assert_array_equal(overlay(image, labels, COLORS, 0.7), expected)


def test_an_upload_of_a_heic_photograph_is_called_so():
    file = io.BytesIO(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(DataError, match="HEIC"):
        read_image(file)


@pytest.mark.parametrize("names", [("IMG_1.JPG", "img_1.png"), ("z\u00fcrich.png", "zu\u0308rich.jpg")])
def test_names_that_are_one_on_some_systems_are_refused(tmp_path, names):
    """Windows and macOS would write both results into one file."""
    for name in names:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    with pytest.raises(DataError, match="two photographs are named .*rename one"):
        find_photographs([tmp_path])
