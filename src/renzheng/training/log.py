"""The log of a run, step by step: CSV always, TensorBoard where it is installed."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from renzheng.errors import RenzhengError


class Log:
    """Log of a run in ``steps.csv`` (long form: step, name, value) and in TensorBoard's events.

    Parameters
    ----------
    folder
        The run's folder.
    step
        The step that the run goes on from. Rows of later steps, written before an interruption, are
        removed.
    """

    def __init__(self, folder: Path, step: int):
        self._path = folder / "steps.csv"
        kept = []
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                kept = [row for row in list(csv.reader(file))[1:] if _is_kept(row, step)]
        try:
            self._file = self._path.open("w", newline="", encoding="utf-8")
            self._writer = csv.writer(self._file)
            self._writer.writerows([("step", "name", "value"), *kept])
        except OSError as error:
            raise RenzhengError(
                f"the log cannot be written: {error.strerror}", source=str(self._path)
            ) from error
        self._tensorboard = _open_tensorboard(folder, step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add values of a step."""
        for name, value in values.items():
            self._writer.writerow((step, name, f"{value:.9g}"))
            if self._tensorboard is not None:
                self._tensorboard.add_scalar(name, value, step)
        self._file.flush()

    def close(self) -> None:
        """Close both files."""
        self._file.close()
        if self._tensorboard is not None:
            self._tensorboard.close()


def _is_kept(row: list[str], step: int) -> bool:
    return len(row) == 3 and row[0].isdigit() and int(row[0]) <= step


def _open_tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    writer: Any = SummaryWriter
    return writer(str(folder / "tensorboard"), purge_step=step + 1)


def write_summary(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``summary.json``: the results of the run."""
    path = folder / "summary.json"
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
