"""Whose forms a notebook carries, where each student has forms of her own: by the checks that it calls."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from acflib.course.grading.cells import calls_in
from acflib.course.material.folder import FormsOwner, read_key
from acflib.course.material.students import plain_id
from acflib.errors import DataError

FOREIGN = "Forms of another student: "  # begins the note of a notebook that is another student's as a whole


def own_material(notebook, path: Path, name: str, material: str | None) -> tuple[str | None, tuple[str, ...]]:
    """The folder that judges a notebook, and what whoever grades must know of its forms.

    Args:
        notebook: as nbformat reads it.
        path: its file.
        name: its path in the folder that was handed in; empty where a file was given.
        material: the folder of ``--material``, None where the exercises are those of the course.

    Raises:
        DataError: the folder has a key, and neither the notebook nor its path tells whose it is.
    """
    students = read_key(Path(material)) if material else ()
    if material is None or not students:
        return material, ()
    by_code = {student.code: student for student in students}
    called = [call for call in _called(notebook) if call.rpartition("_")[2] in by_code]
    owners = Counter(by_code[call.rpartition("_")[2]] for call in called)
    named = named_in(name or "/".join(path.resolve().parts[-3:]), students)
    if not owners and len(named) != 1:
        raise DataError(f"{path}: calls no check of anybody's forms, and its path does not tell whose it is")
    owner = owners.most_common(1)[0][0] if owners else named[0]
    return str(Path(material) / owner.code), tuple(_notes(owner, owners, named, called))


def _called(notebook) -> list[str]:
    cells = [(k, cell.source) for k, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    return list(dict.fromkeys(call.check for k, source in cells for call in calls_in(source, k)))


def named_in(name: str, students: Sequence[FormsOwner]) -> list[FormsOwner]:
    """The students whose ids stand in a path, each as a word of its own; of "anna" and "anna b" the longer one.

    Its folders go before the name of the file, where a number may be that of the lesson, as in 12/07_ablations.ipynb.
    """
    folders, _, file = name.rpartition("/")
    found = _ids_in(folders, students) or _ids_in(file, students)
    return [one for one in found if not any(one != other and plain_id(one.id) in plain_id(other.id) for other in found)]


def _ids_in(text: str, students: Sequence[FormsOwner]) -> list[FormsOwner]:
    plain = plain_id(text)
    return [one for one in students if re.search(rf"(?<![^\W_]){re.escape(plain_id(one.id))}(?![^\W_])", plain)]


def _notes(owner: FormsOwner, owners: Counter, named: Sequence[FormsOwner], called: Sequence[str]) -> list[str]:
    found = []
    if owners and not named:
        found.append(f"The forms are those of {owner.id}; the path names no student of the key.")
    elif owner not in named:
        found.append(f"{FOREIGN}they are those of {owner.id}, the path names {_listed(named)}.")
    for other in owners:
        if other != owner:
            checks = ", ".join(f"checks.{call}" for call in called if call.endswith(f"_{other.code}"))
            found.append(f"Forms of another student, not judged: {checks} of {other.id}; the others are {owner.id}'s.")
    return found


def _listed(students: Sequence[FormsOwner]) -> str:
    return " and ".join(student.id for student in students)
