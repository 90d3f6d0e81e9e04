"""Saved states of a run: whole or not at all, and loaded without running what is in them."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from renzheng.errors import RenzhengError

State = dict[str, Any]


def save(path: Path, state: State) -> None:
    """Write a state; the name never shows a part of one.

    Raises
    ------
    RenzhengError
        If it cannot be written; what was there before stays.
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
    """Read a state.

    Raises
    ------
    RenzhengError
        If there is none, or it is damaged or holds more than numbers and plain values.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RenzhengError(
            f"the checkpoint cannot be read: {error.strerror}", source=str(path)
        ) from error
    # A damaged pickle can raise anything at all on its way.
    except Exception as error:
        words = str(error).splitlines() or [type(error).__name__]
        raise RenzhengError(
            f"not a checkpoint, or a damaged one: {words[0]}", source=str(path)
        ) from error
    if not isinstance(state, dict):
        raise RenzhengError("not a checkpoint", source=str(path))
    return state
