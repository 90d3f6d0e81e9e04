"""The parts of a run, built from its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from renzheng.datasets.training import merge, open_source
from renzheng.datasets.training.source import Source
from renzheng.errors import InvalidInput
from renzheng.training import backbones, checkpoint, distributed, teacher
from renzheng.training.augmentation import Augmentation
from renzheng.training.recipe import Data, Recipe
from renzheng.training.sampling import PKSampler, Sampler, ShuffledSampler
from renzheng.training.training_module import TrainingModule


def open_sources(data: Data) -> Source:
    """Open the pictures that a recipe names, as one source."""
    root = Path(data.root) if data.root else None
    sources = [open_source(Path(path), root) for path in data.sources]
    return sources[0] if len(sources) == 1 else merge(sources)


def build_sampler(recipe: Recipe, source: Source) -> Sampler:
    """Build the sampler of a run's batches.

    Raises
    ------
    InvalidInput
        If the source has too few pictures, or batches cannot be shared among the processes.
    """
    labels, batch, seed = np.asarray(source.labels), recipe.batch, recipe.run.seed
    sampler: Sampler
    if batch.people:
        sampler = PKSampler(labels, batch.people, batch.pictures, seed, batch.singles)
    else:
        sampler = ShuffledSampler(len(labels), batch.size, seed)
    if sampler.batch % distributed.world_size():
        raise InvalidInput(
            f"a batch of {sampler.batch} pictures cannot be divided among "
            f"{distributed.world_size()} processes",
            remedy="make the batch a multiple of the number of processes",
        )
    if batch.accumulate > sampler.steps:
        raise InvalidInput(
            f"a step needs {batch.accumulate} batches, but an epoch has {sampler.steps}",
            remedy="lower batch.accumulate, or give more pictures",
        )
    return sampler


def build_augmentation(recipe: Recipe) -> Augmentation:
    """Build the augmentation of a run's crops.

    Raises
    ------
    InvalidInput
        If a key is unknown or a value is no probability.
    """
    try:
        return Augmentation(**recipe.augmentation)
    except TypeError as error:
        raise InvalidInput(f"[augmentation]: {error}") from error


def teacher_embeddings(
    recipe: Recipe, source: Source, cache: Path | None, tell: Callable[[str], None]
) -> Tensor | None:
    """Embed the source by the recipe's teacher: float32 (n, d); None without distillation."""
    pack = teacher.pack_of(recipe.loss)
    if pack is None:
        return None
    template = backbones.get(recipe.model.backbone).template
    return torch.from_numpy(teacher.embed(source, pack, template, cache, tell))


def build_module(
    recipe: Recipe, classes: int, teacher: Tensor | None, device: torch.device
) -> TrainingModule:
    """Build the backbone and losses of a run on a device, with their first weights."""
    module = TrainingModule(
        recipe.model,
        recipe.loss,
        classes,
        None if teacher is None else teacher.shape[1],
        half=recipe.run.precision == "bf16",
    )
    if recipe.model.weights:
        state = checkpoint.load(Path(recipe.model.weights))
        backbones.load_state(module.backbone, state.get("backbone", state))
    module.to(device)
    if recipe.run.channels_last:
        for parameter in module.backbone.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    if distributed.world_size() > 1 and device.type == "cuda":
        batch_norm: Any = nn.SyncBatchNorm
        module.backbone = batch_norm.convert_sync_batchnorm(module.backbone)
    return module
