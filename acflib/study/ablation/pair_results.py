"""The scores of the studies of ``docs/study-plan.md``, by name, as far as they have been run."""

from pathlib import Path

from acflib.errors import ConfigError
from acflib.study.ablation.pairs import FIRST_SEED, planned_seeds
from acflib.study.ablation.results import Loaded, RunResult, load_sound
from acflib.study.ablation.studies import find_study
from acflib.study.ablation.table import scores

SPLITS = ("test", "val")


class PairResults:
    """All results on one split; each file is read once, when it is first asked for.

    Args:
        split: "test" (of the study, ``results/study-test``) or "val" (``results/study``).
        root: folder that holds ``results/``.

    Raises:
        ConfigError: another split.
    """

    def __init__(self, split: str = "test", root: str | Path = ".") -> None:
        if split not in SPLITS:
            raise ConfigError(f"the study is scored on {' and '.join(SPLITS)}, not on {split!r}")
        self.split, self.root = split, Path(root)
        self._loaded: dict[str, Loaded] = {}

    def runs(self, study: str, row: str) -> dict[int, RunResult]:
        """Seed -> result of a row; empty where it was not run yet.

        Raises:
            ConfigError: no such study, or it has no such row.
            DataError: a result file of the study cannot be used.
        """
        if study not in self._loaded:
            found = find_study(study if self.split == "val" else f"{study}-test")
            folder = self.root / found.results
            self._loaded[study] = load_sound(found, self.root) if folder.is_dir() else Loaded({}, ())
        find_study(study).row(row)
        return self._loaded[study].runs.get(row, {})

    def scores(self, name: str, output: str = "fine") -> dict[int, float]:
        """Seed -> mIoU in percent of STUDY/ROW or STUDY/ROW/KIND; see :class:`Contrast` for the kinds.

        Of a row of the plan its seeds alone count, whatever else was run.

        Args:
            name: which row, and how it is scored.
            output: "fine" or "coarse"; a baseline has no coarse result.
        """
        study, row, *kind = name.split("/")
        found = scores(self.runs(study, row), "_".join([self.split, *kind]), output)
        planned = planned_seeds(study, row)
        return {seed: value for seed, value in found.items() if not planned or 0 <= seed - FIRST_SEED < planned}

    def head_parameters(self, study: str, row: str) -> int | None:
        """Number of parameters beside those of the base network; None where no result file tells it."""
        counts = [run.content.get("head_parameters") for run in self.runs(study, row).values()]
        return counts[0] if counts else None
