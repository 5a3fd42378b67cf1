"""Where the output goes: a console without the letters, a full disk, nowhere. Nothing that was computed may be lost."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from acflib.cli import parser as cli
from acflib.engine.machine import _git
from tests.course.test_grading import RIGHT, write
from tests.runs import flags, tiny_config

pytestmark = pytest.mark.usefixtures("warm_python")

FOLDER = "город"  # letters that neither ASCII nor code page 1252 has
ROOT = Path(__file__).resolve().parents[2]


class Console(io.TextIOWrapper):
    """A console of some encoding, and what was printed on it."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding, write_through=True)

    def text(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture(scope="module")
def checkpoint(streets, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("run")
    assert cli.main(["train", *flags(tiny_config(streets, out, iterations=2, eval_every=0))]) == 0
    return str(out / "checkpoint.pt")


def command_line(command: str, streets: Path, folder: Path, checkpoint: str) -> list[str]:
    """A command that prints the name of a folder."""
    if command == "train":
        return ["train", *flags(tiny_config(streets, folder / "run", iterations=2))]
    if command == "doctor":
        return ["doctor", "--data", str(folder)]
    if command == "streets":
        sizes = ["--size", "64x32", "--train", "1", "--val", "1", "--test", "0"]
        return ["data", "streets", "--out", str(folder / "streets"), *sizes]
    if command == "cache":
        return ["data", "cache", "--data", str(streets), "--split", "val", "--out", str(folder / "cache")]
    if command == "predict":
        Image.new("RGB", (64, 32)).save(folder / "фото.png")
        return ["predict", str(folder / "фото.png"), "--out", str(folder / "out"), "--checkpoint", checkpoint]
    out = ["--out", str(folder / "out"), "--split", "val"]
    return ["export", "--data", str(streets), *out, "--checkpoint", checkpoint]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("command", ["train", "doctor", "streets", "cache", "predict", "export"])
def test_letters_that_the_console_has_not(streets, tmp_path, monkeypatch, checkpoint, command, encoding):
    (tmp_path / FOLDER).mkdir()
    arguments = command_line(command, streets, tmp_path / FOLDER, checkpoint)
    monkeypatch.setattr(sys, "stdout", console := Console(encoding))
    assert cli.main(arguments) == (1 if command == "doctor" else 0)
    assert r"\u0433\u043e\u0440\u043e\u0434" in console.text(), "the folder, by the numbers of its letters"


def test_a_class_is_graded_whatever_its_names_are(tmp_path, monkeypatch):
    """A name in other letters, one that is no UTF-8, and half a character in a student's message."""
    half = "def mine(x, y, n):\n    raise ValueError('\\udc80')\n\nchecks.hard_centers(mine)"
    paths = [write(tmp_path / "анна.ipynb", RIGHT["hard_centers"]), write(tmp_path / "half.ipynb", half)]
    try:
        paths.append(write(tmp_path / os.fsdecode(b"andr\xe9.ipynb"), RIGHT["hard_centers"]))
    except (OSError, UnicodeError):  # a system whose file names are Unicode
        paths.append(write(tmp_path / "andre.ipynb", RIGHT["hard_centers"]))
    monkeypatch.setattr(sys, "stdout", console := Console("ascii"))
    assert cli.main(["grade", *map(str, paths), "--out", str(tmp_path / "g"), "--seed", "3"]) == 0
    record = json.loads((tmp_path / "g.json").read_text(encoding="utf-8"))
    assert [n["earned"] for n in record["notebooks"]] == [4, 0, 4]
    assert [n["notebook"] for n in record["notebooks"]] == [str(path) for path in paths]
    with open(tmp_path / "g.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 9
    assert r"\u0430\u043d\u043d\u0430.ipynb: lesson 01, 4 of 12 points" in console.text()


def test_nobody_listens(tmp_path, monkeypatch):
    """``>&- 2>&-``, or a program without a console."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    out = tmp_path / "streets"
    arguments = ["--size", "64x32", "--train", "1", "--val", "1", "--test", "0"]
    assert cli.main(["data", "streets", "--out", str(out), *arguments]) == 0
    assert (out / "streets.json").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_output_to_a_full_disk(streets, tmp_path, checkpoint):
    """The scores were asked for in a file too, and are there."""
    arguments = ["--checkpoint", checkpoint, "--data", str(streets), "--json", str(tmp_path / "scores.json")]
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "acflib", "evaluate", *arguments]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert found.returncode == 2 and "output cannot be written" in found.stderr and "Traceback" not in found.stderr
    assert "miou_fine" in json.loads((tmp_path / "scores.json").read_text())


def test_scores_are_written_before_they_are_printed(streets, tmp_path, checkpoint, monkeypatch):
    class NobodyReads(Console):
        def write(self, _):
            raise BrokenPipeError

        def fileno(self):
            return os.open(tmp_path / "gone", os.O_WRONLY | os.O_CREAT)

    monkeypatch.setattr(sys, "stdout", NobodyReads("utf-8"))
    arguments = ["--checkpoint", checkpoint, "--data", str(streets), "--json", str(tmp_path / "scores.json")]
    assert cli.main(["evaluate", *arguments]) == cli.NO_READER
    assert (tmp_path / "scores.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="sets a locale as POSIX systems do")
def test_the_commit_is_found_whatever_the_locale(tmp_path):
    """The folder of the clone is named by git in UTF-8; the locale has no such letters."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    code = "import sys; from acflib.engine.machine import _git; print(ascii(_git('.', 'rev-parse', '--show-toplevel')))"
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=os.environ | locale, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert _git(folder, "rev-parse", "--show-toplevel").endswith(FOLDER)
