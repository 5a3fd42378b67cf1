"""``acflib site``: which networks and folders it takes, and that an older site stays where the new one fails."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch

from acflib.acfnet import ModelConfig, build_model
from acflib.errors import ConfigError, TrainingError
from acflib.predict.pretrained import load_pretrained
from acflib.site import build, front

TINY = ModelConfig("tiny", num_classes=19, channels=8, align_corners=False, weights=None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"variant": None}, "variant None has no class centers"),
        ({"variant": "psp"}, "variant psp has no class centers"),
        ({"align_corners": True}, "this one has True"),
    ],
)
def test_networks_that_the_page_cannot_show(changes, words):
    with pytest.raises(ConfigError, match=f"mine.pt: .*{words}"):
        build.check_network(build_model(dataclasses.replace(TINY, **changes)), "mine.pt")


@pytest.mark.parametrize("variant", ["sum", "concat", "center"])
def test_networks_that_it_can(variant):
    build.check_network(build_model(dataclasses.replace(TINY, variant=variant)), "mine.pt")


def test_other_files_are_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="holds files that are not a site of acflib"):
        build.check_folder(tmp_path)
    with pytest.raises(ConfigError, match="is a file"):
        build.check_folder(tmp_path / "thesis.tex")
    build.check_folder(tmp_path / "new")


def small_site(monkeypatch):
    """A build with a network that was not trained, without files of networks and runtime."""
    monkeypatch.setattr(build, "load_pretrained", lambda name: build_model(TINY))
    monkeypatch.setattr(build, "require_packages", lambda: None)
    monkeypatch.setattr(build, "bring_runtime", lambda out, folder: out.mkdir(parents=True))
    monkeypatch.setattr(build, "write_networks", lambda data, *rest: data.mkdir())


def test_a_site_is_replaced_as_a_whole_or_stays(tmp_path, monkeypatch):
    small_site(monkeypatch)
    out = tmp_path / "site"
    page = build.build_site(out, "mine.pt", lessons=False)
    assert page == out / "index.html" and " million parameters" in page.read_text() and "<!-- " not in page.read_text()
    assert not (out / "play" / "pdoc").exists() and not (out / "widgets" / "lab.js").exists()
    (out / "stale.html").write_text("of an older version")
    build.build_site(out, "mine.pt", lessons=False)
    assert not (out / "stale.html").exists()
    (out / "mine.html").write_text("still here")

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build, "write_networks", full_disk)
    with pytest.raises(TrainingError, match="site: cannot be written .*No space left"):
        build.build_site(out, "mine.pt", lessons=False)
    assert (out / "mine.html").read_text() == "still here"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]  # no temporary folder is left
    monkeypatch.undo()
    small_site(monkeypatch)
    monkeypatch.setattr(build.Path, "rename", refuse_the_new(build.Path.rename))
    with pytest.raises(TrainingError):
        build.build_site(out, "mine.pt", lessons=False)
    assert (out / "mine.html").read_text() == "still here"


def refuse_the_new(real):
    def rename(path, target):
        if path.name == "site" and path.parent.name.startswith(".site-"):
            raise OSError(13, "Permission denied")
        return real(path, target)

    return rename


def test_streets_of_another_number_of_classes_have_no_truth(tmp_path):
    assert {item["truth"] for item in build.write_gallery(tmp_path, with_truth=False)} == {None}
    assert not list(tmp_path.glob("*.labels"))


def test_missing_packages_of_the_pages_are_named(monkeypatch):
    real = build.importlib.util.find_spec
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None if name == "pdoc" else real(name) or True)
    with pytest.raises(ConfigError, match=r"need the package pdoc: pip install 'acflib\[site\]', or pass --no-lessons"):
        build.require_page_packages()


def test_a_street_says_what_it_holds(tmp_path):
    item = build.write_gallery(tmp_path, with_truth=True)[0]
    labels = np.fromfile(tmp_path / "street-3.labels", np.uint8)
    counts = [(labels == build.CITYSCAPES_CLASSES.index(name)).sum() for name in item["holds"]]
    assert sum(counts) == (labels != 255).sum() and counts == sorted(counts, reverse=True) and counts[-1] > 0


LINE = "gain at 47 minus gain at 239: **shown**, +0.50 ± 0.20; at 47 alone +1.25 ± 0.25; at 239 alone −0.10 ± 0.12.\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LINE, r"gained \+1.25 ± 0.25 points .* sees 47 pixels across, −0.10 ± 0.12 where it sees 239"),
        ("the study has not been run", "^how much a head with class centers gains .*, and where.$"),
        (None, "^how much a head with class centers gains .*, and where.$"),
    ],
)
def test_the_finding_has_the_numbers_of_the_results(tmp_path, text, words):
    if text is not None:
        (tmp_path / "RESULTS.md").write_text(text, encoding="utf-8")
    assert re.search(words, build.findings(tmp_path / "RESULTS.md"))


WORLDS = """
| world, field | sum − self | presence given: sum − self |
| --- | ---: | ---: |
| own, 47 | +1.25 ± 0.25, n = 8 | {near} |
| own, 239 | −0.10 ± 0.12, n = 8 | −0.30 ± 0.11, n = 8 |
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            WORLDS.format(near="+0.07 ± 0.20, n = 8"),
            r"\+0.07 ± 0.20 at 47 \(none is shown\) and −0.30 ± 0.11 at 239 \(a loss\). "
            "±: 95 % interval over 8 trainings.$",
        ),
        (WORLDS.format(near="not run yet"), "^$"),
        ("the study has not been run", "^$"),
        (None, "^$"),
    ],
)
def test_what_is_left_where_presence_is_given_has_the_numbers_of_the_results(tmp_path, text, words):
    if text is not None:
        (tmp_path / "RESULTS.md").write_text(text, encoding="utf-8")
    assert re.search(words, front.presence_given(tmp_path / "RESULTS.md"))


def test_the_largest_gain_is_told_with_what_speaks_against_it(tmp_path):
    (tmp_path / "RESULTS.md").write_text(
        "| world, field | center − self | presence given: center − self |\n| --- | ---: | ---: |\n"
        "| own, 47 | +2.00 ± 0.20, n = 8 | +0.80 ± 0.10, n = 8 |\n",
        encoding="utf-8",
    )
    said = front.all_centers(tmp_path / "RESULTS.md")
    assert "+2.00 ± 0.20 (told which classes occur +0.80 ± 0.10)" in said and "larger head" in said
    assert front.all_centers(tmp_path / "none.md") == ""


@pytest.mark.parametrize(
    ("mean", "said"), [("+1.50", "+1.50 ± 0.10 at 47: more, so"), ("−0.20", "−0.20 ± 0.10 at 47. ")]
)
def test_a_look_without_classes_is_called_more_where_it_is(tmp_path, mean, said):
    (tmp_path / "RESULTS.md").write_text(
        "| world, field | sum − self | global − self |\n| --- | ---: | ---: |\n"
        f"| own, 47 | +0.90 ± 0.20, n = 8 | {mean} ± 0.10, n = 8 |\n",
        encoding="utf-8",
    )
    assert said in front.without_classes(tmp_path / "RESULTS.md")
    (tmp_path / "RESULTS.md").write_text(WORLDS, encoding="utf-8")
    assert front.without_classes(tmp_path / "RESULTS.md") == ""


@pytest.mark.parametrize(
    ("told", "mean", "said"),
    [
        ("−0.05", "+1.50", ["the mean of the whole picture 1.5", "told which classes occur, they gained nothing"]),
        ("+0.40", "+1.50", ["the mean of the whole picture 1.5"]),
        ("+0.40", "+0.20", []),
    ],
)
def test_the_first_lines_doubt_what_the_study_doubts(tmp_path, told, mean, said):
    (tmp_path / "RESULTS.md").write_text(
        "| world, field | sum − self | global − self | presence given: sum − self |\n| --- | ---: | ---: | ---: |\n"
        f"| own, 47 | +0.90 ± 0.20, n = 8 | {mean} ± 0.10, n = 8 | {told} ± 0.14, n = 8 |\n",
        encoding="utf-8",
    )
    found = front.doubts(tmp_path / "RESULTS.md")
    words = ("the mean of the whole picture 1.5", "told which classes occur, they gained nothing")
    assert [each for each in words if each in found] == said and (found == "") == (not said)
    assert front.doubts(tmp_path / "none.md") == ""


def test_the_networks_without_centers_stand_beside_that_of_the_page():
    """The scores of the sidecars of the weights; nothing where the page runs another network."""
    said = front.rivals("streets-acf-sum")
    for name in (front.OF_THE_PAGE, *front.RIVALS):
        sidecar = json.loads((build.ROOT / "data" / "weights" / f"{name}.json").read_text(encoding="utf-8"))
        assert f"{sidecar['metrics']['test']['miou_fine']:.1f}" in said
        assert f"{sidecar['metrics']['val']['miou_fine']:.1f}" in said
        if name in (front.OF_THE_PAGE, "streets-self"):
            assert f"{sidecar['metrics']['test']['miou_fine']:.1f}" in front.with_and_without("streets-acf-sum")
    assert front.rivals("streets-self") == front.rivals("mine") == front.with_and_without("streets-self") == ""


def test_no_other_network_gets_the_scores_of_the_shipped_one():
    model = load_pretrained(front.OF_THE_PAGE)
    assert front.name_of(model) == front.OF_THE_PAGE
    model.info = model.info | {"sha256": "0" * 64}
    assert front.name_of(model) == "" == front.name_of(build_model(TINY))


@pytest.mark.parametrize("field", [47, 111])
def test_the_page_says_how_far_its_network_sees(field):
    model = build_model(dataclasses.replace(TINY, field=field))
    training = model.training
    assert f"sees {field} pixels across, of 256" in front.sees(model, build.STREET_SIZE)
    assert front.piece(model, build.STREET_SIZE) == f" (here {field} of 256 pixels across)"
    assert front.piece(model, (32, 64)) == "", "it can see all of so narrow a street"
    assert model.training == training and next(model.parameters()).dtype == torch.float32


@pytest.mark.skipif(not (build.ROOT / "RESULTS.md").is_file(), reason="a copy without the results")
def test_the_results_of_today_can_be_read():
    assert "points of mIoU" in build.findings(build.ROOT / "RESULTS.md")


@pytest.mark.parametrize("variant", ["sum", "concat", "center"])
def test_the_front_page_says_what_a_pixel_receives_and_links_what_there_is(tmp_path, variant):
    model = build_model(dataclasses.replace(TINY, variant=variant))
    for lessons in (False, True):
        new = tmp_path / f"{variant}-{lessons}"
        build.copy_static(new)
        for target in (*build.LESSONS, build.RESULTS, build.GLOSSARY) if lessons else ():
            (new / target).parent.mkdir(parents=True, exist_ok=True)
            (new / target).touch()
        build.fill_front_page(new, model)
        page = (new / "index.html").read_text(encoding="utf-8")
        assert build.USE[variant] in page and "<!-- " not in page
        for target in (*build.LESSONS, build.RESULTS, build.GLOSSARY):
            assert (f'href="{target}"' in page) == lessons
