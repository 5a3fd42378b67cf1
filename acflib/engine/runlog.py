"""The log of a run: a progress bar, CSV files that survive a kill, and TensorBoard where it is installed."""

import csv
import io
import sys
import time
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from acflib import distributed
from acflib.engine.config import TrainConfig
from acflib.engine.files import write_whole
from acflib.errors import TrainingError, package_fault
from acflib.metrics import Scores, iou_per_class

TIME_COLUMNS = ("images_per_second", "seconds")
LOG_COLUMNS = ("iteration", "epoch", "loss", "fine", "coarse", "aux", "learning_rate", *TIME_COLUMNS)
EVAL_COLUMNS = ("iteration", "miou_fine", "miou_coarse", "seconds", "split")


class RunLog:
    """Context manager that shows and writes how a run goes; only the first process shows and writes.

    ``log.csv`` has the mean losses since its last row, ``evaluation.csv`` the scores (fractions of 1) and the
    split that they are of. ``seconds`` counts from the start of this process.
    """

    def __init__(self, folder: Path, config: TrainConfig, position: int, progress: bool):
        self.active = distributed.rank() == 0
        self.batch_size, self.val_split = config.batch_size, config.val_split
        self.start = self.lap = time.perf_counter()
        self.lap_position = position
        if self.active:
            self.csv = CsvLog(folder / "log.csv", LOG_COLUMNS, position)
            self.eval_csv = CsvLog(folder / "evaluation.csv", EVAL_COLUMNS, position)
        self.board = _tensorboard(folder, position) if config.tensorboard and self.active else None
        hidden = not (progress and self.active)
        self.bar = tqdm(total=config.iterations, initial=position, unit="it", desc="training", disable=hidden)
        self.loss_text = self.score_text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()
        if self.board:
            with suppress(OSError):  # what it still holds cannot be written: see _curves
                self.board.close()

    def step(self) -> None:
        """One optimizer step was done."""
        self.bar.update()

    def losses(self, position: int, epoch: int, losses: dict[str, float | None], learning_rate: float) -> None:
        """Write a row of ``log.csv``."""
        now = time.perf_counter()
        speed = (position - self.lap_position) * self.batch_size / (now - self.lap)
        self.lap, self.lap_position = now, position
        if not self.active:
            return
        values = {**losses, "learning_rate": learning_rate}
        self.csv.write(
            iteration=position, epoch=epoch, **values, images_per_second=round(speed, 2), seconds=self._seconds()
        )
        self._curves(position, **values, images_per_second=speed)
        self.loss_text = f"loss {losses['loss']:.3f}, lr {learning_rate:.2g}, {speed:.1f} images/s"
        self.bar.set_postfix_str(self.loss_text + self.score_text)

    def scores(self, position: int, scores: Scores) -> None:
        """Write a row of ``evaluation.csv``; the time that the evaluation took does not count as training time."""
        self.lap, self.lap_position = time.perf_counter(), position
        if not self.active:
            return
        found = {"miou_fine": scores.miou_fine, "miou_coarse": scores.miou_coarse}
        self.eval_csv.write(iteration=position, **found, seconds=self._seconds(), split=self.val_split)
        per_class = dict(zip(scores.classes, iou_per_class(scores.fine).tolist(), strict=True))
        self._curves(position, **found, **{f"iou_fine/{name}": value for name, value in per_class.items()})
        self.score_text = f", val mIoU {100 * scores.miou_fine:.1f} %"
        self.bar.set_postfix_str(self.loss_text + self.score_text)

    def lacks_scores(self, position: int) -> bool:
        """Whether ``evaluation.csv`` has no row of this iteration and split; False on all but the first process."""
        if not self.active:
            return False
        rows = [row for row in read_csv(self.eval_csv.path) if int(row["iteration"]) == position]
        return all(row["split"] not in ("", self.val_split) for row in rows)  # "": of an older acflib

    def _seconds(self) -> float:
        return round(time.perf_counter() - self.start, 2)

    def _curves(self, position: int, **values: float | None) -> None:
        if self.board:
            try:
                for name, value in values.items():
                    if value is not None:
                        self.board.add_scalar(name, value, position)
            except OSError as error:  # no reason to give up a run
                print(f"acflib: no more TensorBoard curves: {error}", file=sys.stderr)
                self.board = None


class CsvLog:
    """Rows with an "iteration" column, written line by line.

    Opened at a position, it drops rows of later iterations, and a line that a kill cut in half: what a resumed run
    writes again.

    Args:
        path: the CSV file; made if missing.
        columns: column names, "iteration" first.
        position: iterations already done.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], position: int):
        self.path, self.columns = path, columns
        kept = [row for row in read_csv(path) if int(row["iteration"]) <= position]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: row.get(name, "") for name in columns} for row in kept)
        write_whole(path, text.getvalue().encode())

    def write(self, **values: float | int | str | None) -> None:
        """Add a row; floats are written so that they read back as the same number (texts hold no comma).

        Raises:
            TrainingError: it cannot be written: a full disk, a folder that is gone, a program that keeps the file.
        """
        row = ["" if values.get(name) is None else str(values[name]) for name in self.columns]
        try:
            with open(self.path, "a", newline="") as file:
                file.write(",".join(row) + "\n")
        except OSError as error:
            mend = "free some space, or close the program that has it open; then go on with --resume"
            raise TrainingError(f"{self.path}: cannot be written ({error}); {mend}") from error


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV log as texts; none where there is no file. A last line without its end is left out."""
    if not path.exists():
        return []
    whole_lines = path.read_text().rpartition("\n")[0]
    return list(csv.DictReader(io.StringIO(whole_lines)))


def _tensorboard(folder: Path, position: int):
    """A TensorBoard writer, or None where it is not installed or broken: no reason to give up a run."""
    try:
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(folder / "tensorboard", purge_step=position + 1)
    except Exception as error:
        fault = package_fault("tensorboard", error)
        tqdm.write(f"no files for TensorBoard: {fault}, or --no-tensorboard", file=sys.stderr)
        return None
