"""Saved states of a run: written whole or not at all, and read without running any code in them."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from renzheng._support.notation import from_json
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.training.recipe import Recipe, parse

State = dict[str, Any]


def save(path: Path, state: State) -> None:
    """Write a state to a file; there is never a part of one under its name.

    Raises
    ------
    RenzhengError
        If it cannot be written. A file that was there before stays.
    """
    name = ""
    try:
        handle, name = tempfile.mkstemp(prefix=".checkpoint-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave an empty file under the name
        os.replace(name, path)  # noqa: PTH105
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
        raise RenzhengError(
            f"the checkpoint cannot be written: {error}",
            source=str(path),
            remedy="make space and resume: the last whole checkpoint is kept",
        ) from error
    finally:
        with suppress(OSError):
            if name:
                os.unlink(name)  # noqa: PTH108


def load(path: Path) -> State:
    """Read a state from a file.

    Raises
    ------
    RenzhengError
        If there is no file, or it is damaged or holds more than numbers and plain values.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RenzhengError(
            f"the checkpoint cannot be read: {error.strerror}", source=str(path)
        ) from error
    # A damaged pickle can raise any exception.
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise RenzhengError(
            f"not a checkpoint, or a damaged one: {lines[0]}", source=str(path)
        ) from error
    if not isinstance(state, dict):
        raise RenzhengError("not a checkpoint", source=str(path))
    return state


def recipe_of(state: State, path: Path) -> Recipe:
    """Return the recipe of a run's checkpoint.

    Raises
    ------
    InvalidInput
        If the state is not one of a run, or its recipe cannot be read by this version.
    """
    try:
        table, _ = from_json(state["recipe"]), state["backbone"]
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput("not the checkpoint of a run", source=str(path)) from error
    return parse(table, source=str(path))


def check_resumable(state: State, recipe: Recipe, data_digest: str, path: Path) -> None:
    """Check that a state is one of the run that a recipe and its data make.

    The number of workers and the steps between checkpoints may differ: they change no result.

    Raises
    ------
    InvalidInput
        If the state is for export only, or is one of another recipe, backbone or data.
    """
    if "learner" not in state:
        raise InvalidInput("this checkpoint is for export only", source=str(path))
    before = _deciding(recipe_of(state, path))
    now = _deciding(recipe)
    if before["model"] != now["model"]:
        raise InvalidInput(
            f"the checkpoint is of another backbone: {before['model']['backbone']}",
            source=str(path),
            remedy="resume with the recipe that began the run",
        )
    if state["data"] != data_digest:
        raise InvalidInput(
            "the data has changed since the run began",
            source=str(path),
            remedy="put the pictures back as they were, or begin a new run",
        )
    for table in before:
        if before[table] != now[table]:
            raise InvalidInput(
                f"the recipe's [{table}] has changed since the run began",
                source=str(path),
                remedy="resume with the same recipe, or begin a new run",
            )


def _deciding(recipe: Recipe) -> dict[str, Any]:
    """Return what decides a run's results, in the plain values of JSON."""
    tables: dict[str, Any] = json.loads(json.dumps(recipe.to_dict()))
    del tables["checkpoint"], tables["data"]["workers"]
    return tables
