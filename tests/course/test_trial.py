"""`acflib course try`: an exercise of one's own is as it should be, its answers lose what the rubric says."""

import json
from pathlib import Path

import nbformat
import pytest

from acflib.cli.parser import main
from acflib.course.checks.catalog import exercises_in
from acflib.course.material.folder import load_check, run_file
from acflib.course.material.template import new_exercise
from acflib.course.material.trial import lines_lost, try_exercise
from tests.course.test_material import changed

pytestmark = pytest.mark.usefixtures("warm_python")

ALL_LINES = """

def all_lines(judge):
    from dataclasses import replace

    def judged(*given, **more):
        found = judge(*given, **more)
        return replace(found, lines=tuple(replace(line, earned=line.points) for line in found.lines))

    return judged
"""


def tried(folder: Path) -> list[str]:
    (exercise,) = exercises_in(folder)
    return try_exercise(folder, exercise)


def test_the_template_is_as_it_should_be(tmp_path, capsys):
    out = str(tmp_path / "mine")
    assert main(["course", "new-exercise", "pixel_share", "--title", "how much is right", "--out", out]) == 0
    assert main(["course", "new-exercise", "second_one", "--out", out]) == 0
    assert main(["course", "try", out]) == 0
    assert "2 of 2 exercises are as they should be" in capsys.readouterr().out
    first, second = exercises_in(Path(out))
    assert (first.check, first.number, first.title, first.lesson) == ("pixel_share", 1, "how much is right", "90")
    assert (second.check, second.number) == ("second_one", 2)
    stub = nbformat.read(tmp_path / "mine" / "pixel_share" / "stub.ipynb", as_version=4)
    nbformat.validate(stub)
    assert "belong to no class" not in str(stub) and "RIGHT" not in str(stub)


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("check.py", "/ labeled.sum().clamp(min=1)", "/ labels.numel()", "the right answer loops is refused"),
        ("answers.py", '"belong to no class"', '"something else"', "without 'something else'"),
        ("answers.py", "(all_pixels, ", "(loops, ", "the wrong answer 'ignored pixels count' is accepted"),
        ("answers.py", "RIGHT = [loops]", "RIGHT = []", "RIGHT has no answer"),
        ("answers.py", '    "a count"', '    # "a count"', "WRONG has 2 answers; give at least 3"),
        ("stub.ipynb", "2 points for", "3 points for", "its rubric has 5 points, exercise.json has 4"),
        ("stub.ipynb", "for ignored pixels", "for others", "the lines of its rubric are not those of exercise.json"),
        ("exercise.json", '"points": 4', '"points": 5', 'its "lines" do not sum to its 5 points'),
        ("check.py", ", rubric=RUBRIC, lines=lines", "", "its lines are not those of exercise.json"),
        ("stub.ipynb", "checks.pixel_share(", "checks.other(", "no cell calls checks.pixel_share"),
    ],
)
def test_faults_of_an_exercise_are_found(tmp_path, capsys, file, old, new, fault):
    new_exercise(tmp_path, "pixel_share", "90", "share")
    assert tried(tmp_path) == []
    changed(tmp_path / "pixel_share" / file, old, new)
    assert any(fault in found for found in tried(tmp_path)), tried(tmp_path)
    assert main(["course", "try", str(tmp_path)]) == 1 and fault in capsys.readouterr().out


def test_two_wrong_answers_with_one_message_are_said_once_with_the_cure(tmp_path):
    new_exercise(tmp_path, "pixel_share", "90", "share")
    changed(tmp_path / "pixel_share" / "answers.py", "WRONG = {", 'WRONG = {\n    "again": (all_pixels, "belong"),')
    (said,) = tried(tmp_path)
    assert said.startswith("the wrong answers 'again' and 'ignored pixels count' are told the same: ")
    assert said.endswith("Remove one of them, or give it a message of its own in check.py")


def test_a_fault_that_is_the_same_on_all_seeds_is_said_once(tmp_path):
    new_exercise(tmp_path, "pixel_share", "90", "share")
    changed(tmp_path / "pixel_share" / "answers.py", '"belong to no class"', '"something else"')
    assert len(tried(tmp_path)) == 1


def test_answers_may_use_torch_and_an_error_inside_an_answer_is_seen(tmp_path):
    new_exercise(tmp_path, "pixel_share", "90", "share")
    path = tmp_path / "pixel_share" / "answers.py"
    masked = "def masked(p, y):\n    right = torch.where(y == 255, 0.0, (p == y).double()).sum()\n"
    masked += "    return right / (y != 255).sum().clamp(min=1)\n\n\nRIGHT = [loops, masked]"
    changed(path, "RIGHT = [loops]", masked)
    assert tried(tmp_path) == []
    changed(path, "return right /", "return total /")
    (said,) = tried(tmp_path)
    line = path.read_text(encoding="utf-8").splitlines().index("    return total / (y != 255).sum().clamp(min=1)") + 1
    assert said == f"the right answer masked raises NameError: name 'total' is not defined (answers.py, line {line})"


def test_an_answer_keeps_the_lines_that_it_has_right(tmp_path):
    """As the rubric says: 2 points for the share, 1 for ignored pixels, 1 for maps without any label."""
    new_exercise(tmp_path, "pixel_share", "90", "share")
    (exercise,) = exercises_in(tmp_path)
    assert [(line.points, line.text) for line in exercise.lines] == [
        (2, "the share"),
        (1, "ignored pixels"),
        (1, "maps without any label"),
    ]
    check, answers = load_check(tmp_path, "pixel_share"), run_file(tmp_path / "pixel_share" / "answers.py")
    earned = {"ignored pixels count": [2, 0, 1], "a count": [0, 1, 1], "no labeled pixel": [2, 1, 0]}
    for label, (answer, _) in answers.WRONG.items():
        assert [line.earned for line in check(answer).lines] == earned[label], label
    assert [line.earned for line in check(answers.loops).lines] == [2, 1, 1]

    def raises_on_255(predicted, labels):
        if (labels == 255).any():
            raise ValueError
        return (predicted == labels).double().mean()

    assert [line.earned for line in check(raises_on_255).lines] == [2, 0, 0], "a way of its own"
    assert not any(line.earned for line in check(lambda p, y: 0.5).lines)


def test_a_trial_says_what_each_wrong_answer_loses(tmp_path, capsys):
    new_exercise(tmp_path, "pixel_share", "90", "share")
    assert main(["course", "try", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "the wrong answer 'ignored pixels count' loses 'ignored pixels'" in out
    assert "the wrong answer 'a count' loses 'the share'" in out
    assert "the wrong answer 'no labeled pixel' loses 'maps without any label'" in out and "warning" not in out


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "check.py",
            "(IGNORED,), 2: (UNLABELED,)",
            "(IGNORED, UNLABELED)",
            "no wrong answer loses 'maps without any label'",
        ),
        ("answers.py", "(nothing_labeled, ", "(a_count, ", "no wrong answer loses 'maps without any label'"),
        ("check.py", "return judge(", "return all_lines(judge)(", "the wrong answer 'a count' loses no line"),
        ("exercise.json", '"lines"', '"lines": [], "lines_of_before"', "so all points are earned at once"),
    ],
)
def test_a_trial_warns_of_lines_and_answers_that_have_nothing_to_do_with_each_other(tmp_path, file, old, new, said):
    new_exercise(tmp_path, "pixel_share", "90", "share")
    changed(tmp_path / "pixel_share" / file, old, new)
    if "all_lines" in new:
        path = tmp_path / "pixel_share" / "check.py"
        path.write_text(path.read_text(encoding="utf-8") + ALL_LINES, encoding="utf-8")
    if "lines_of_before" in new:
        path = tmp_path / "pixel_share" / "exercise.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({key: value for key, value in record.items() if "before" not in key}))
    (exercise,) = exercises_in(tmp_path)
    assert any(line.startswith("warning") and said in line for line in lines_lost(tmp_path, exercise))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("check.py", "    return judge(", "    judge(", "which is no Verdict"),
        (
            "check.py",
            "    cases = random_cases(inputs)",
            "    cases = random_cases(input_s)",
            "its check raised NameError",
        ),
        ("check.py", "def check(", "def checked(", "defines no function check"),
        ("check.py", "import torch\n", "import torch_of_mine\n", "cannot be run"),
        ("exercise.json", '"check":', '"color": 1, "check":', "is no record of an exercise"),
        ("exercise.json", '"check": "pixel_share"', '"check": "other"', "must be the name of its folder"),
        ("stub.ipynb", "{", "", "cannot be read as a notebook"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path, capsys, file, old, new, said):
    new_exercise(tmp_path, "pixel_share", "90", "share")
    changed(tmp_path / "pixel_share" / file, old, new)
    assert main(["course", "try", str(tmp_path)]) == 2
    found = capsys.readouterr().err
    assert said in found and str(tmp_path / "pixel_share" / file) in found
