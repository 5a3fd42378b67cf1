"""The library reference: docstrings as pages, by pdoc."""

import ast
import base64
import logging
import re
import warnings
from pathlib import Path

# Not for a reader of the library: commands, and what the notebooks' exercises are judged by.
LEFT_OUT = ("acflib.__main__", "acflib.cli", "acflib.course", "acflib.site", "acflib.study")
NAMELESS = ('<a class="headerlink"', '<a class="headerlink" aria-label="Link to this entry"')  # of pdoc
THEME = Path(__file__).parent / "static" / "pdoc"


def write_library(out: Path, root: Path) -> dict[str, str]:
    """Write the reference.

    Args:
        out: folder, made if missing.
        root: of the repository.

    Returns:
        File of the repository -> page of the site, such as "acflib/acf.py" -> "api/acflib/acf.html".
    """
    import pdoc

    icon = "data:image/svg+xml;base64," + base64.b64encode((THEME.parent / "icon.svg").read_bytes()).decode()
    pdoc.render.configure(docformat="google", template_directory=THEME, footer_text="", favicon=icon)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("pdoc").setLevel(logging.ERROR)
        pdoc.pdoc(*modules(), output_directory=out)
    found = {}
    for page in out.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(*NAMELESS), encoding="utf-8")
        name = page.relative_to(out).with_suffix("").as_posix()
        for source in (f"{name}.py", f"{name}/__init__.py"):
            if (root / source).is_file():
                found[source] = f"api/{name}.html"
    return found


def first_lines(root: Path) -> list[tuple[str, str]]:
    """(module, first sentence of its docstring) of all modules with a page."""
    found = []
    for name in modules():
        path = root.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        first = re.sub(r":\w+:(?=`)|`", "", text.split("\n\n")[0])  # without the marks of links and code
        found.append((name, " ".join(first.split())))
    return found


def modules() -> list[str]:
    """The modules with a page; pdoc would keep to ``acflib.__all__``."""
    folder = Path(__file__).parents[1]
    names = [".".join(("acflib", *path.relative_to(folder).with_suffix("").parts)) for path in folder.rglob("*.py")]
    names = sorted(name.removesuffix(".__init__") for name in names)
    return [name for name in names if not any(name == out or name.startswith(out + ".") for out in LEFT_OUT)]
