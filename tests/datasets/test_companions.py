"""Files that systems leave beside a user's, and what walks over folders make of them: nothing.

Each test reads a folder, or writes into one, strews companions over it, and wants the same result.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acflib.acfnet import ModelConfig, build_model
from acflib.cli.app import AppConfig, check_inputs
from acflib.cli.doctor import check_data
from acflib.cli.doctor_cityscapes import is_cityscapes
from acflib.course.grading.cells import find_notebooks
from acflib.datasets import Cityscapes, open_dataset
from acflib.datasets.folders import visible
from acflib.datasets.streets import write_streets
from acflib.errors import ConfigError, DataError
from acflib.predict import pretrained
from acflib.predict.export import export_predictions
from acflib.predict.predicting import find_photographs
from tests.datasets.conftest import picture, save


def strew(root: Path) -> None:
    """Companions in each folder: of Finder, Explorer, a NAS, a trash can, an archive made on macOS."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        for path in [path for path in folder.iterdir() if path.is_file()]:
            (folder / f"._{path.name}").write_bytes(b"\0\5\x16\7" + bytes(60))
            (folder / "@eaDir" / path.name).mkdir(parents=True, exist_ok=True)
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r"):
            (folder / name).write_bytes(b"\0")
    hidden = [shutil.copytree(root, root.parent / "copy", dirs_exist_ok=True)]
    for name in (".Trashes", "__MACOSX", "$RECYCLE.BIN", ".ipynb_checkpoints"):
        shutil.copytree(hidden[0], root / name)


@pytest.fixture(scope="module")
def model():
    return build_model(ModelConfig(backbone="tiny", channels=16, align_corners=False, weights=None)).eval()


def test_cityscapes_and_its_doctor(cityscapes):
    before = [f.image for f in Cityscapes(cityscapes, "train").frames]
    report = without_the_disk(cityscapes)
    strew(cityscapes)
    for city in (cityscapes / "leftImg8bit" / "train" / ".Spotlight-V100", cityscapes / "leftImg8bit/train/@eaDir"):
        save(picture(0), city / f"{city.name}_000000_000019_leftImg8bit.png")
    assert [f.image for f in Cityscapes(cityscapes, "train").frames] == before
    assert without_the_disk(cityscapes) == report


def without_the_disk(root):
    """What doctor says but for the free space, which other programs change meanwhile."""
    return [str(finding) for finding in check_data(root) if "GB free" not in str(finding)]


def test_a_folder_that_only_a_companion_makes_cityscapes(tmp_path):
    (tmp_path / "__MACOSX" / "leftImg8bit").mkdir(parents=True)
    assert not is_cityscapes(tmp_path)
    (tmp_path / "data" / "leftImg8bit").mkdir(parents=True)
    assert is_cityscapes(tmp_path)


def test_camvid(camvid):
    before = open_dataset(camvid, "train").frames
    strew(camvid)
    assert open_dataset(camvid, "train").frames == before


def test_streets_are_written_where_finder_has_looked(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "Thumbs.db").write_bytes(b"\0")
    write_streets(tmp_path, train=1, val=1, test=0, progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("")
    with pytest.raises(DataError, match="mine.txt"):
        write_streets(tmp_path / "other", train=1, val=1, test=0, progress=False)


def test_photographs_of_predict_and_app(tmp_path):
    folder = tmp_path / ".photographs"  # that the user's own folder is hidden does not matter
    paths = [save(picture(i), folder / f"{i}.png") for i in range(2)]
    strew(folder)
    assert find_photographs([folder]) == paths
    assert check_inputs(AppConfig(), [folder]) == paths


def test_export_goes_on_but_for_files_that_the_evaluator_takes(model, tmp_path):
    data = write_streets(tmp_path / "data", train=0, val=2, test=0, progress=False)
    dataset, out = open_dataset(data, "val"), tmp_path / "out"
    files = export_predictions(model, dataset, out, progress=False)
    for name in (".DS_Store", "Thumbs.db", f"._{files[0].name}"):
        (out / name).write_bytes(b"\0")
    assert export_predictions(model, dataset, out, resume=True, progress=False) == files
    (out / ".snapshot").mkdir()
    shutil.copy(files[0], out / ".snapshot")  # the evaluator looks into hidden folders, too
    with pytest.raises(ConfigError, match="two of one frame"):
        export_predictions(model, dataset, out, resume=True, progress=False)


def test_pretrained_weights(tmp_path):
    shipped = Path(__file__).resolve().parents[2] / "data" / "weights"
    folder = shutil.copytree(shipped, tmp_path / "weights")
    names = pretrained.available(folder)
    strew(folder)
    assert pretrained.available(folder) == names


def test_notebooks(tmp_path):
    paths = [tmp_path / name for name in ("a.ipynb", "b.ipynb")]
    for path in paths:
        path.write_text("{}")
    strew(tmp_path)
    assert list(find_notebooks([tmp_path])) == paths
    assert list(find_notebooks([*paths, tmp_path / "._a.ipynb"])) == paths
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="none: holds no notebooks"):
        find_notebooks([tmp_path / "none"])


def test_what_is_visible(tmp_path):
    names = ["a.png", "THUMBS.DB", "._a.png", "x/.b/c.png", "x/c.png", "x/__MACOSX/c.png", "thumbs.dbx"]
    found = visible((tmp_path / name for name in names), tmp_path)
    assert found == [tmp_path / name for name in ("a.png", "thumbs.dbx", "x/c.png")]


def test_results_of_an_ablation(tmp_path):
    from acflib.study.ablation.results import seeds_in

    for name in ("seed-0.json", "._seed-0.json"):
        (tmp_path / name).write_text("{}")
    problems = []
    assert seeds_in(tmp_path, problems) == [(0, tmp_path / "seed-0.json")] and problems == []


def test_a_picture_is_read_beside_its_companion(tmp_path):
    path = save(np.zeros((4, 4, 3), np.uint8), tmp_path / "a.png")
    strew(tmp_path)
    assert find_photographs([path]) == [path] and Image.open(path).size == (4, 4)
