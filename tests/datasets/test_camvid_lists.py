"""Lists of the CamVid layout as other computers write them: each names the same frames."""

import codecs
import unicodedata

import numpy as np
import pytest

from acflib.datasets import CamVid
from acflib.errors import DataError
from tests.datasets.conftest import picture, save

PLAIN = "train/b.png trainannot/b.png\ntrain/a.png trainannot/a.png\n"


def frames(root, content, split="train"):
    """The (image, labels) names that a list of this content gives."""
    (root / f"{split}.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(frame.image.name, frame.labels.name) for frame in CamVid(root, split).frames]


AS_WRITTEN = {
    "Windows": PLAIN.replace("/", "\\").replace("\n", "\r\n"),
    "with a drive": PLAIN.replace("train/", "C:\\CamVid\\train\\").replace("trainannot/", "C:\\CamVid\\trainannot\\"),
    "a drive and no folder before": PLAIN.replace("train/", "D:train/").replace("trainannot/", "D:trainannot/"),
    "network drive, mixed": PLAIN.replace("train/", "\\\\server\\data/train\\"),
    "folders with spaces": PLAIN.replace("train", "C:\\My Data\\Cam Vid\\train"),
    "old Macintosh": PLAIN.replace("\n", "\r"),
    "mark of UTF-8": codecs.BOM_UTF8 + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, upper byte first": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "UTF-16 without its mark": PLAIN.encode("utf-16-le"),
    "UTF-16 without its mark, upper byte first": PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "folder in cp1252": PLAIN.replace("train", "C:/Bjørn/train").encode("cp1252"),
    "folder in cp1251": PLAIN.replace("train", "C:/Данные/train").encode("cp1251"),
    "folder in Shift JIS": PLAIN.replace("train", "C:\\表\\train").encode("shift_jis"),
    "quotes": "'train/a.png' 'trainannot/a.png'\n\"train/b.png\" trainannot/b.png\n",
    "tabs": PLAIN.replace(" ", "\t"),
    "commas": PLAIN.replace(" ", ","),
    "semicolons and quotes": '"train/a.png";"trainannot/a.png"\n"train/b.png";"trainannot/b.png"',
    "other capitals": PLAIN.replace("train/a.png", "Train/A.PNG").replace("trainannot/b", "TRAINANNOT/B"),
    "end mark of DOS": PLAIN + "\x1a",
    "empty lines and spaces": "\n  " + PLAIN.replace("\n", "  \n\n"),
    "companions": PLAIN + "train/._a.png trainannot/._a.png\n__MACOSX/train/._b.png __MACOSX/trainannot/._b.png\n",
}


@pytest.mark.parametrize("kind", AS_WRITTEN)
def test_lists_of_other_computers(camvid, kind):
    assert frames(camvid, AS_WRITTEN[kind]) == [("a.png", "a.png"), ("b.png", "b.png")]


@pytest.mark.parametrize("name", ["my street", "it's", "a.b", "ü", "улица", "a, b"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_names_with_spaces_quotes_and_other_letters(camvid, name, quote):
    save(picture(0), camvid / "train" / f"{name}.png")
    save(np.zeros((32, 64), np.uint8), camvid / "trainannot" / f"{name}.png")
    line = f"{quote}train/{name}.png{quote} {quote}trainannot/{name}.png{quote}\n"
    assert frames(camvid, line) == [(f"{name}.png", f"{name}.png")]
    assert frames(camvid, line.encode("utf-16")) == [(f"{name}.png", f"{name}.png")]


def test_accents_composed_in_another_way(camvid):
    """macOS writes ü as u and two dots."""
    save(picture(0), camvid / "train" / (unicodedata.normalize("NFD", "grün") + ".png"))
    save(np.zeros((32, 64), np.uint8), camvid / "trainannot" / (unicodedata.normalize("NFC", "grün") + ".png"))
    for form in ("NFC", "NFD"):
        found = frames(camvid, unicodedata.normalize(form, "train/grün.png trainannot/grün.png"))
        assert len(found) == 1


@pytest.mark.parametrize("name", ["c.JPG", "c.Jpeg", "C.JPG"])
def test_photographs_of_a_camera(camvid, name):
    (camvid / "val" / "c.jpg").rename(camvid / "val" / name)
    assert frames(camvid, "val/c.png valannot/c.png", "val") == [(name, "c.png")]


def test_names_that_differ_in_capitals_alone(camvid):
    if (camvid / "train" / "A.png").exists():
        pytest.skip("this file system does not tell them apart")
    save(picture(0), camvid / "train" / "A.png")
    save(np.zeros((32, 64), np.uint8), camvid / "trainannot" / "A.png")
    content = "train/A.png trainannot/A.png\ntrain/a.png trainannot/a.png\n"
    assert frames(camvid, content) == [("A.png", "A.png"), ("a.png", "a.png")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("train/a.png", "line 1 has 1 words"),
        (
            "train/a.png trainannot/a.png\ntrain/x.png trainannot/x.png",
            r"x.png: image is missing.*line 2\). Put it back",
        ),
        ("train/ä.png trainannot/ä.png".encode("cp1252"), "ä.png: image is missing.*save the list as UTF-8"),
        (b"\xff\xfe", "the split is empty"),
        (b"\x00\x01\x02", "words|missing"),
    ],
)
def test_lists_that_name_nothing(camvid, content, message):
    with pytest.raises(DataError, match=message):
        frames(camvid, content)


def test_the_whole_path_goes_before_its_last_two_parts(camvid):
    """Two sequences with a folder each; a folder of the same name beside them."""
    for folder in ("seqA", "seqB", "."):
        for part, values in (("train", picture(0)), ("trainannot", np.zeros((32, 64), np.uint8))):
            (camvid / folder / part).mkdir(parents=True, exist_ok=True)
            save(values, camvid / folder / part / "a.png")
    (camvid / "train.txt").write_text("".join(f"{s}/train/a.png {s}/trainannot/a.png\n" for s in ("seqA", "seqB")))
    found = [(frame.image, frame.labels) for frame in CamVid(camvid, "train").frames]
    assert found == [(camvid / s / "train/a.png", camvid / s / "trainannot/a.png") for s in ("seqA", "seqB")]


def test_a_pair_that_is_listed_twice(camvid):
    with pytest.raises(DataError, match=r"a.png: listed twice \(.*train.txt, line 3\), first in line 2. Take one out"):
        frames(camvid, PLAIN + "C:/train/a.png C:/trainannot/a.png\n")


def test_a_number_behind_a_dot_is_no_ending(camvid):
    """No photograph seq.001 is there; seq.png is another one."""
    save(picture(0), camvid / "train" / "seq.png")
    save(np.zeros((32, 64), np.uint8), camvid / "trainannot" / "seq.png")
    with pytest.raises(DataError, match="seq.001: image is missing"):
        frames(camvid, "train/seq.001 trainannot/seq.png\n")
    save(picture(0), camvid / "train" / "seq.001.png")
    assert frames(camvid, "train/seq.001 trainannot/seq.png\n") == [("seq.001.png", "seq.png")]
