"""Recipes: everything that decides a training run, as a TOML file with checked keys."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from renzheng._support.notation import MAX_PARTS, from_toml
from renzheng.errors import InvalidInput

LossKind = Literal[
    "triplet",
    "contrastive",
    "center",
    "softmax",
    "arcface",
    "cosface",
    "adaface",
    "distillation",
]
LOSSES: tuple[str, ...] = get_args(LossKind)

_OLD_ALPHA = "alfa"  # center loss's alpha in recipes and checkpoints of renzheng 0.1

# TOML and JSON have lists, and a recipe does not change.
_AsTuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)


class _Table(BaseModel):
    """Base of the tables: unknown keys and values of another type are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Run(_Table):
    """The run as a whole.

    Attributes
    ----------
    epochs
        Passes over the data.
    seed
        Seed of all draws: weights, order, augmentation, mining.
    device
        ``auto``, ``cpu`` or ``cuda``.
    precision
        ``float32``, or ``bf16`` for the network (losses stay in float32).
    channels_last
        Memory layout in which convolutions are faster on most machines.
    steps
        Steps after which the run stops, wherever that is; 0 for no limit.
    """

    epochs: Annotated[int, Field(ge=1, le=10**6)] = 20
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    channels_last: bool = True
    steps: Annotated[int, Field(ge=0, le=10**12)] = 0


class Data(_Table):
    """Aligned crops to learn from.

    Attributes
    ----------
    sources
        Folders of people, CSV tables, ``.rec`` files or folders of shards. Each source has people
        of its own.
    root
        Folder that a table's paths start from.
    workers
        Number of processes that decode and augment.
    """

    sources: Annotated[tuple[str, ...], _AsTuple] = ()
    root: str = ""
    workers: Annotated[int, Field(ge=0, le=256)] = 2


class Model(_Table):
    """The network.

    Attributes
    ----------
    backbone
        Name of the backbone: see `renzheng train backbones`.
    dimension
        Length of an embedding; 0 for the backbone's own.
    size
        Side of the crops in pixels; 0 for the backbone's own.
    weights
        File of a state dict to start from; empty for random weights.
    options
        Options of the backbone.
    """

    backbone: str = "mobilefacenet"
    dimension: Annotated[int, Field(ge=0, le=65536)] = 0
    size: Annotated[int, Field(ge=0, le=2048)] = 0
    weights: str = ""
    options: dict[str, Any] = Field(default_factory=dict)


class Batch(_Table):
    """The pictures of a batch.

    Attributes
    ----------
    people, pictures
        P people with K pictures each; 0 people for shuffled pictures.
    size
        Number of pictures in a shuffled batch.
    accumulate
        Number of batches in one step of the optimiser. Losses over pairs see one batch at a time.
    singles
        Whether people with one picture take part in batches of people.
    """

    people: Annotated[int, Field(ge=0, le=10**6)] = 0
    pictures: Annotated[int, Field(ge=2, le=10**6)] = 4
    size: Annotated[int, Field(ge=1, le=10**6)] = 64
    accumulate: Annotated[int, Field(ge=1, le=10**6)] = 1
    singles: bool = False


class Loss(_Table):
    """One loss of the sum.

    Attributes
    ----------
    kind
        One of `LOSSES`.
    weight
        Factor of the loss (center loss: the paper's lambda).
    options
        The loss's own parameters: ``margin``, ``mining``, ``scale``, ``alpha``, ``mode`` ... In a
        recipe they stand beside ``kind`` and ``weight``.
    """

    kind: LossKind
    weight: Annotated[float, Field(ge=0, lt=1e9)] = 1.0
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _collect_options(cls, table: Any) -> Any:
        """Set the loss's own parameters apart, under their names of today."""
        if not isinstance(table, Mapping):
            return table
        given = table.get("options")
        given = given if isinstance(given, Mapping) else {}
        named = {key: value for key, value in table.items() if key not in cls.model_fields}
        options = {**named, **given}
        if table.get("kind") == "center" and _OLD_ALPHA in options and "alpha" not in options:
            options["alpha"] = options.pop(_OLD_ALPHA)
        known = {key: value for key, value in table.items() if key in cls.model_fields}
        return {**known, "options": options}


class Optimiser(_Table):
    """The optimiser of the weights.

    Attributes
    ----------
    kind
        ``sgd`` or ``adamw``.
    learning_rate, weight_decay, momentum
        Hyperparameters of the optimiser; biases and normalisation layers do not decay.
    clip
        Largest length of the gradient; 0 for no limit.
    """

    kind: Literal["sgd", "adamw"] = "adamw"
    learning_rate: Annotated[float, Field(ge=0, le=100)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 5e-4
    momentum: Annotated[float, Field(ge=0, le=0.9999)] = 0.9
    clip: Annotated[float, Field(ge=0, le=1e9)] = 5.0


class Schedule(_Table):
    """The schedule of the learning rate.

    Attributes
    ----------
    kind
        ``cosine`` to 0, ``step`` at milestones, or ``constant``.
    warmup
        Share of all steps over which the rate rises from 0.
    milestones
        Shares of all steps after which the rate is multiplied by `factor`, for ``step``.
    factor
        Factor at a milestone, for ``step``.
    """

    kind: Literal["cosine", "step", "constant"] = "cosine"
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.05
    milestones: Annotated[tuple[float, ...], _AsTuple] = (0.5, 0.75, 0.9)
    factor: Annotated[float, Field(ge=0, le=1)] = 0.1


class Average(_Table):
    """A moving average of the weights, which is then what is measured and exported.

    Attributes
    ----------
    decay
        0 for no average; 0.999 averages over about a thousand steps.
    """

    decay: Annotated[float, Field(ge=0, le=0.999999)] = 0.0


class Validation(_Table):
    """People who are not trained on, to measure on while training.

    Attributes
    ----------
    source
        Folder of people or CSV table, aligned as the training crops are; empty for none.
    every
        Epochs between measurements.
    most
        Largest number of pictures of each person.
    """

    source: str = ""
    every: Annotated[int, Field(ge=1, le=10**6)] = 1
    most: Annotated[int, Field(ge=1, le=10**6)] = 20


class Checkpoint(_Table):
    """Checkpoints during the run.

    Attributes
    ----------
    every
        Steps between checkpoints; there is also one after every epoch.
    """

    every: Annotated[int, Field(ge=1, le=10**9)] = 500


class Recipe(_Table):
    """A whole recipe; only ``data`` and ``loss`` must be in the file."""

    run: Run = Run()
    data: Data = Data()
    model: Model = Model()
    batch: Batch = Batch()
    loss: Annotated[tuple[Loss, ...], _AsTuple] = ()
    optimiser: Optimiser = Optimiser()
    schedule: Schedule = Schedule()
    average: Average = Average()
    augmentation: dict[str, Any] = Field(default_factory=dict)
    validation: Validation = Validation()
    checkpoint: Checkpoint = Checkpoint()

    @property
    def digest(self) -> str:
        """SHA-256 of the content, whatever the file's form."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe in plain values, as TOML and JSON have them."""
        return self.model_dump()


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    path
        TOML file. Relative paths in it start from the working directory.
    overrides
        ``key=value`` with a key such as ``optimiser.learning_rate`` or ``loss.0.margin`` and the
        value as in TOML; bare words are text.

    Raises
    ------
    InvalidInput
        If the file is not TOML, or a key or a value is wrong; the message names it.
    """
    try:
        table = from_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"the recipe cannot be read: {error.strerror}", source=str(path)
        ) from error
    except ValueError as error:
        raise InvalidInput(f"not TOML: {error}", source=str(path)) from error
    for override in overrides:
        _override(table, override)
    _warn_of_old_key(table, path)
    return parse(table, source=str(path))


def parse(table: Mapping[str, Any], *, source: str | None = None) -> Recipe:
    """Build a recipe from plain values.

    Parameters
    ----------
    table
        The recipe's tables by name, as TOML or JSON gives them.
    source
        File for error messages.

    Raises
    ------
    InvalidInput
        If a key is unknown, or a value has the wrong type or is out of range.
    """
    if not table.get("loss") or not isinstance(table["loss"], (list, tuple)):
        raise InvalidInput(
            "the recipe has no list of losses",
            source=source,
            remedy='add [[loss]] with kind = "triplet"',
        )
    try:
        recipe = Recipe.model_validate(dict(table))
    except ValidationError as error:
        raise _in_words(error, source) from error
    if not recipe.data.sources:
        raise InvalidInput(
            "data.sources is empty", source=source, remedy='add sources = ["crops"] under [data]'
        )
    if recipe.schedule.kind == "step" and any(not 0 < m < 1 for m in recipe.schedule.milestones):
        raise InvalidInput(
            "schedule.milestones must be shares of all steps, between 0 and 1", source=source
        )
    return recipe


# Types in the words of TOML, by kinds of pydantic's errors; its other messages are kept.
_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}


def _in_words(error: ValidationError, source: str | None) -> InvalidInput:
    """Describe the first mistake that pydantic found; unknown keys come first."""
    mistakes = error.errors(include_url=False)
    mistake = next((m for m in mistakes if m["type"] == "extra_forbidden"), mistakes[0])
    kind, value = mistake["type"], mistake["input"]
    key = ".".join(str(step) for step in mistake["loc"])
    if kind == "extra_forbidden":
        known = _keys_beside(mistake["loc"])
        return InvalidInput(
            f"unknown key {key!r}" + _did_you_mean(str(mistake["loc"][-1]), known),
            source=source,
            remedy=f"known here: {', '.join(sorted(known))}",
        )
    if kind == "missing":
        return InvalidInput(
            f"{key} is missing", source=source, remedy=f"one of {', '.join(LOSSES)}"
        )
    if kind == "literal_error":
        choices = re.findall(r"'([^']+)'", mistake["ctx"]["expected"])
        return InvalidInput(
            f"{key} is {value!r}" + _did_you_mean(str(value), choices),
            source=source,
            remedy=f"one of {', '.join(choices)}",
        )
    expected = _TYPES.get(kind) or mistake["msg"].removeprefix("Input should be ")
    return InvalidInput(f"{key} must be {expected}, not {value!r}", source=source)


def _keys_beside(place: tuple[int | str, ...]) -> Iterable[str]:
    """Return the known keys of the table that an unknown key stands in."""
    table = Recipe if len(place) == 1 else Recipe.model_fields[str(place[0])].annotation
    assert isinstance(table, type)
    assert issubclass(table, BaseModel)
    return table.model_fields


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _warn_of_old_key(table: Mapping[str, Any], path: Path) -> None:
    losses = table.get("loss")
    for loss in losses if isinstance(losses, list) else []:
        if isinstance(loss, Mapping) and _OLD_ALPHA in loss and loss.get("kind") == "center":
            # FutureWarning is the one that Python shows to those who did not write the program.
            warnings.warn(
                f"{path}: the key {_OLD_ALPHA!r} of center loss is now 'alpha'; the old key will "
                "not be read from renzheng 0.3 on",
                FutureWarning,
                stacklevel=3,
            )


def _override(table: dict[str, Any], text: str) -> None:
    key, equals, raw = text.partition("=")
    if not equals or not key.strip():
        raise InvalidInput(
            f"{text!r} is not key=value", remedy="for example optimiser.learning_rate=0.01"
        )
    try:
        value = from_toml(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        value = raw.strip()
    place: Any = table
    *path, last = key.strip().split(".")
    if len(path) >= MAX_PARTS:
        raise InvalidInput(f"a key of a recipe has at most {MAX_PARTS} parts, not {len(path) + 1}")
    try:
        for step in path:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise InvalidInput(f"the recipe has no place for the key {key!r}") from error
