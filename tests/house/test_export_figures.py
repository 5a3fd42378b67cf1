"""Figures of a notebook as files for slides."""

import base64
import io

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tools.export_figures import main, slug


def png(color: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), color).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def picture_cell(*colors: str, tags=()):
    outputs = [new_output("display_data", data={"image/png": png(color), "text/plain": "f"}) for color in colors]
    return new_code_cell("plt.show()", outputs=outputs, metadata={"tags": list(tags)})


@pytest.fixture
def notebook(tmp_path):
    cells = [
        new_markdown_cell("# 01 · A lesson"),
        new_code_cell("x = 1", outputs=[new_output("stream", text="1")]),
        picture_cell("red", tags=["eq-1", "fig-1c"]),
        new_markdown_cell("text\n\n## 9. Which pixels look like this?"),
        picture_cell("lime", "blue"),
    ]
    path = tmp_path / "01_lesson.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def test_names_and_pictures(notebook, tmp_path, capsys):
    out = tmp_path / "new" / "slides"
    assert main([str(notebook), "--out", str(out)]) == 0
    names = [
        "01_lesson-02-fig-1c.png",
        "01_lesson-03a-which-pixels-look-like-this.png",
        "01_lesson-03b-which-pixels-look-like-this.png",
    ]
    assert sorted(path.name for path in out.iterdir()) == names
    colors = [Image.open(out / name).getpixel((0, 0)) for name in names]
    assert colors == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert capsys.readouterr().out.splitlines() == [str(out / name) for name in names]


def test_a_file_that_is_no_notebook(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    path.write_text("no")
    assert main([str(path), "--out", str(tmp_path / "slides")]) == 2
    assert "a.ipynb" in capsys.readouterr().err


def test_slugs():
    assert slug("4. The same with the library") == "the-same-with-the-library"
    assert slug("·") == "figure" and len(slug("word " * 30)) <= 40
