"""A recipe: everything that decides a training run, as a TOML file with checked keys."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renzheng.errors import InvalidInput


@dataclass(frozen=True)
class Run:
    """What the run as a whole does.

    Attributes
    ----------
    epochs
        Passes over the data.
    seed
        Of everything that is drawn: weights, order, augmentation, mining.
    device
        ``auto``, ``cpu``, ``cuda``.
    precision
        ``float32``, or ``bf16`` for the network (losses stay in float32).
    channels_last
        Memory layout in which convolutions are faster on most machines.
    steps
        If above 0, stop after this many steps, wherever that is.
    """

    epochs: int = 20
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    channels_last: bool = True
    steps: int = 0


@dataclass(frozen=True)
class Data:
    """Aligned crops to learn from.

    Attributes
    ----------
    sources
        Folders of people, CSV tables, ``.rec`` files or folders of shards; more than one are
        people of their own.
    root
        Where a table's paths start.
    workers
        Processes that decode and augment.
    """

    sources: tuple[str, ...] = ()
    root: str = ""
    workers: int = 2


@dataclass(frozen=True)
class Model:
    """The network.

    Attributes
    ----------
    backbone
        See `renzheng train backbones`.
    dimension
        Of the embedding; 0 for the backbone's own.
    size
        Side of the crops in pixels; 0 for the backbone's own.
    weights
        A state dict to start from; empty to start from nothing.
    options
        Passed to the backbone.
    """

    backbone: str = "mobilefacenet"
    dimension: int = 0
    size: int = 0
    weights: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """What makes a batch.

    Attributes
    ----------
    people, pictures
        P people with K pictures each; 0 people for shuffled pictures.
    size
        Pictures in a shuffled batch.
    accumulate
        Batches behind one step of the optimiser. Losses over pairs see one batch at a time.
    singles
        Whether people with one picture take part where batches are of people.
    """

    people: int = 0
    pictures: int = 4
    size: int = 64
    accumulate: int = 1
    singles: bool = False


@dataclass(frozen=True)
class Loss:
    """One loss of the sum.

    Attributes
    ----------
    kind
        ``triplet``, ``contrastive``, ``center``, ``softmax``, ``arcface``, ``cosface``,
        ``adaface`` or ``distillation``.
    weight
        What it is multiplied by (center loss: the paper's lambda).
    options
        The loss's own parameters: ``margin``, ``mining``, ``scale``, ``alfa``, ``mode`` ...
    """

    kind: str = ""
    weight: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Optimiser:
    """How weights move.

    Attributes
    ----------
    kind
        ``sgd`` or ``adamw``.
    learning_rate, weight_decay, momentum
        As usual; biases and normalisation layers do not decay.
    clip
        The longest gradient; 0 for no limit.
    """

    kind: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 5e-4
    momentum: float = 0.9
    clip: float = 5.0


@dataclass(frozen=True)
class Schedule:
    """How the learning rate goes.

    Attributes
    ----------
    kind
        ``cosine`` to 0, ``step`` at milestones, or ``constant``.
    warmup
        Share of all steps over which it rises from 0.
    milestones
        Shares of all steps after which it is multiplied by `factor`.
    factor
        For ``step``.
    """

    kind: str = "cosine"
    warmup: float = 0.05
    milestones: tuple[float, ...] = (0.5, 0.75, 0.9)
    factor: float = 0.1


@dataclass(frozen=True)
class Average:
    """A moving average of the weights, which is then what is measured and exported.

    Attributes
    ----------
    decay
        0 for none; 0.999 averages over about a thousand steps.
    """

    decay: float = 0.0


@dataclass(frozen=True)
class Validation:
    """People who are not trained on, to measure on while training.

    Attributes
    ----------
    source
        A folder of people or a CSV table, aligned as the training crops are; empty for none.
    every
        Epochs between measurements.
    most
        Pictures of each person at most.
    """

    source: str = ""
    every: int = 1
    most: int = 20


@dataclass(frozen=True)
class Checkpoint:
    """When to save.

    Attributes
    ----------
    every
        Steps; also after every epoch.
    """

    every: int = 500


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; every table is optional but ``data`` and ``loss``."""

    run: Run = field(default_factory=Run)
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    batch: Batch = field(default_factory=Batch)
    loss: tuple[Loss, ...] = ()
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: Schedule = field(default_factory=Schedule)
    average: Average = field(default_factory=Average)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    validation: Validation = field(default_factory=Validation)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)

    @property
    def digest(self) -> str:
        """SHA-256 of the content, whatever the file's form."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as TOML and JSON have them."""
        plain: dict[str, Any] = dataclasses.asdict(self)
        return plain


LOSSES = (
    *("triplet", "contrastive", "center", "softmax", "arcface", "cosface", "adaface"),
    "distillation",
)
_RANGES: Mapping[str, tuple[float, float]] = {
    "run.epochs": (1, 1e6),
    "run.steps": (0, 1e12),
    "run.seed": (0, 2**32 - 1),
    "data.workers": (0, 256),
    "model.dimension": (0, 65536),
    "model.size": (0, 2048),
    "batch.people": (0, 1e6),
    "batch.pictures": (2, 1e6),
    "batch.size": (1, 1e6),
    "batch.accumulate": (1, 1e6),
    "optimiser.learning_rate": (0, 100),
    "optimiser.weight_decay": (0, 10),
    "optimiser.momentum": (0, 0.9999),
    "optimiser.clip": (0, 1e9),
    "schedule.warmup": (0, 1),
    "schedule.factor": (0, 1),
    "average.decay": (0, 0.999999),
    "validation.every": (1, 1e6),
    "validation.most": (1, 1e6),
    "checkpoint.every": (1, 1e9),
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "run.device": ("auto", "cpu", "cuda"),
    "run.precision": ("float32", "bf16"),
    "optimiser.kind": ("sgd", "adamw"),
    "schedule.kind": ("cosine", "step", "constant"),
}


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        TOML. Relative paths in it start where the command runs.
    overrides
        ``key=value`` with the key as ``optimiser.learning_rate`` or ``loss.0.margin`` and the
        value as TOML has it; bare words are text.

    Raises
    ------
    InvalidInput
        If the file is no TOML or a key or a value is wrong; the message names it.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"it cannot be read: {error.strerror}", source=str(path)) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"not TOML: {error}", source=str(path)) from error
    for override in overrides:
        _override(table, override)
    try:
        return parse(table)
    except InvalidInput as error:
        raise InvalidInput(error.reason, source=str(path), remedy=error.remedy) from error


def parse(table: Mapping[str, Any]) -> Recipe:
    """A recipe from plain values.

    Raises
    ------
    InvalidInput
        If a key is unknown, or a value has the wrong type or lies out of range.
    """
    table = dict(table)
    losses = table.pop("loss", [])
    if not isinstance(losses, (list, tuple)) or not losses:
        raise InvalidInput("there is no loss", remedy='write [[loss]] and kind = "triplet"')
    recipe = _fill(Recipe, {**table, "loss": [_loss(k, one) for k, one in enumerate(losses)]}, "")
    assert isinstance(recipe, Recipe)
    if not recipe.data.sources:
        raise InvalidInput("data.sources is empty", remedy='[data] sources = ["crops"]')
    if recipe.schedule.kind == "step" and any(not 0 < m < 1 for m in recipe.schedule.milestones):
        raise InvalidInput("schedule.milestones are shares between 0 and 1 of all steps")
    return recipe


def _loss(place: int, table: Any) -> dict[str, Any]:
    """A loss's table with its own parameters set apart."""
    if not isinstance(table, Mapping):
        raise InvalidInput(f"loss.{place} is not a table", remedy='write [[loss]] kind = "triplet"')
    if isinstance(table.get("options"), Mapping):
        table = {**table, **table["options"]}
    kind = table.get("kind")
    if kind not in LOSSES:
        raise InvalidInput(
            f"loss.{place}.kind is {kind!r}" + _near(str(kind), LOSSES),
            remedy=f"one of {', '.join(LOSSES)}",
        )
    own = {k: v for k, v in table.items() if k not in ("kind", "weight", "options")}
    weight = table.get("weight", 1.0)
    if not isinstance(weight, (int, float)) or not 0 <= weight < 1e9:
        raise InvalidInput(f"loss.{place}.weight is a number of 0 or more, not {weight!r}")
    return {"kind": kind, "weight": weight, "options": own}


def _fill(kind: type, table: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a table, checked key by key."""
    hints = typing.get_type_hints(kind)
    known = {f.name for f in dataclasses.fields(kind)}
    for key in table:
        if key not in known:
            raise InvalidInput(
                f"there is no key {where + key!r}" + _near(key, known),
                remedy=f"known here: {', '.join(sorted(known))}",
            )
    return kind(**{k: _value(hints[k], v, f"{where}{k}") for k, v in table.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{where} is a table, not {value!r}")
        return _fill(hint, value, f"{where}.")
    origin = typing.get_origin(hint)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise InvalidInput(f"{where} is a list, not {value!r}")
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, v, f"{where}.{k}") for k, v in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{where} is a table, not {value!r}")
        return dict(value)
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        raise InvalidInput(f"{where} is {words[hint]}, not {value!r}")
    if where in _RANGES:
        low, high = _RANGES[where]
        if not low <= value <= high:
            raise InvalidInput(f"{where} lies between {low:g} and {high:g}, not at {value!r}")
    if where in _CHOICES and value not in _CHOICES[where]:
        raise InvalidInput(
            f"{where} is {value!r}" + _near(value, _CHOICES[where]),
            remedy=f"one of {', '.join(_CHOICES[where])}",
        )
    return value


def _near(word: str, known: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _override(table: dict[str, Any], text: str) -> None:
    key, equals, raw = text.partition("=")
    if not equals or not key.strip():
        raise InvalidInput(f"{text!r} is not key=value", remedy="optimiser.learning_rate=0.01")
    try:
        value = tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    place: Any = table
    *path, last = key.strip().split(".")
    try:
        for step in path:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise InvalidInput(f"there is no place for {key!r} in the recipe") from error
