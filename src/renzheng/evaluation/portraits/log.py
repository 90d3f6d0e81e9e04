"""The log of a portrait study, with which an interrupted study is continued."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from renzheng._support.notation import from_json
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.evaluation.portraits.outcomes import (
    MISSED,
    REFUSED,
    RIGHT,
    WRONG,
    Trial,
    TrialOutcome,
)

_LOG = "renzheng evaluate portraits"


class OutcomeLog:
    """A file of outcomes, one JSON line each, below a line that says what they depend on.

    Parameters
    ----------
    path
        A file that does not exist yet, or the log of a study with the same `stamp`.
    stamp
        Everything that the outcomes depend on.

    Raises
    ------
    InvalidInput
        If the file is something else, or the log of another study.
    RenzhengError
        If it cannot be read or written.
    """

    def __init__(self, path: Path, stamp: Mapping[str, Any]):
        self._path = path
        self.known: dict[Trial, TrialOutcome] = {}
        head = json.dumps({"log": _LOG, **stamp}, sort_keys=True)
        try:
            if path.exists() and not path.is_file():
                raise InvalidInput("a log is a regular file", source=str(path))
            lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
            if lines == [b""]:
                self._append(head)
                return
            self._check(lines[0], json.loads(head))
            for line in lines[1:]:
                outcome = _parsed(line)
                if outcome is not None:
                    self.known[outcome.trial] = outcome
            if lines[-1]:
                self._append("")  # a killed run was writing that line
        except OSError as error:
            raise _unusable(error, path) from error

    def add(self, outcome: TrialOutcome) -> None:
        """Append an outcome."""
        try:
            self._append(json.dumps(asdict(outcome)))
        except OSError as error:
            raise _unusable(error, self._path) from error

    def _append(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _check(self, found: bytes, ours: Mapping[str, Any]) -> None:
        try:
            theirs = from_json(found)
        except ValueError:
            theirs = None
        if not isinstance(theirs, dict) or theirs.get("log") != _LOG:
            raise InvalidInput(
                "this is no log of `evaluate portraits`",
                source=str(self._path),
                remedy="name a file that does not exist yet",
            )
        other = [key for key in sorted({*ours, *theirs}) if ours.get(key) != theirs.get(key)]
        if other:
            raise InvalidInput(
                f"this is the log of a study with other settings ({', '.join(other)})",
                source=str(self._path),
                remedy="name another file, or delete this one",
            )


def _parsed(line: bytes) -> TrialOutcome | None:
    """Read an outcome from its line; None where the line is torn or tampered with."""
    try:
        entry = from_json(line)
        outcome = TrialOutcome(**{**entry, "trial": Trial(**entry["trial"])})
        words = (outcome.layout, outcome.result, outcome.ghost, outcome.steps)
        numbers = (outcome.trial.turns, outcome.trial.seed, outcome.seconds)
        names = (outcome.trial.picture, outcome.trial.capture)
    except (ValueError, TypeError, KeyError):
        return None
    sound = (
        all(isinstance(word, str) for word in (*words, *names))
        and all(isinstance(number, (int, float)) for number in numbers)
        and isinstance(outcome.doubt, bool)
        and outcome.result in (RIGHT, WRONG, REFUSED, MISSED)
    )
    return outcome if sound else None


def _unusable(error: OSError, path: Path) -> RenzhengError:
    return RenzhengError(
        f"the log cannot be used: {error.strerror or error}",
        source=str(path),
        remedy="name a file in a folder that you may write to, with space left",
    )
