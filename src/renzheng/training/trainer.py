"""A run: from a recipe to a trained network, to be interrupted and taken up at any step."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from renzheng.datasets.training import merge, open_source
from renzheng.datasets.training.source import Source
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.models.defaults import DEFAULT_EMBEDDER
from renzheng.training import (
    backbones,
    checkpoint,
    collapse,
    distributed,
    optimisation,
    teacher,
    validation,
)
from renzheng.training.augmentation import Augmentation
from renzheng.training.dataset import Crops, as_input, batches
from renzheng.training.log import Log, summary
from renzheng.training.recipe import Recipe
from renzheng.training.sampling import PKSampler, Sampler, Shuffled
from renzheng.training.training_module import TrainingModule

LAST, BEST = "last.pt", "best.pt"
Progress = Callable[[int, int, Mapping[str, float]], None]  # step, steps in all, what to show
Tell = Callable[[str], None]

_LOOK_EVERY = 20  # steps between looks at the embeddings: an SVD each


class Trainer:
    """Trains as a recipe says, in a folder.

    Parameters
    ----------
    recipe
        What to do.
    folder
        Where the run's files go: ``recipe.json``, ``last.pt``, ``best.pt``, ``steps.csv`` ...
    progress
        Told after every step.
    tell
        Told in words what a person should know: warnings, measurements.
    cache
        File of the teacher's embeddings, for distillation.
    """

    def __init__(
        self,
        recipe: Recipe,
        folder: Path,
        *,
        progress: Progress | None = None,
        tell: Tell | None = None,
        cache: Path | None = None,
    ):
        self.recipe, self.folder = recipe, folder
        self._progress = progress
        self._tell: Tell = tell or (lambda words: None)
        self._cache = cache
        self.device = optimisation.choose_device(recipe.run.device)
        distributed.start(self.device)
        torch.manual_seed(recipe.run.seed)
        self.source = sources(recipe)
        self.sampler = _sampler(recipe, self.source)
        if self.sampler.batch % distributed.count():
            raise InvalidInput(
                f"a batch of {self.sampler.batch} pictures does not divide among "
                f"{distributed.count()} processes"
            )
        if recipe.batch.accumulate > self.sampler.steps:
            raise InvalidInput(
                f"{recipe.batch.accumulate} batches are to make a step, an epoch has "
                f"{self.sampler.steps}",
                remedy="lower batch.accumulate, or give more pictures",
            )
        self._teacher = self._embed_by_teacher()
        self.learner = TrainingModule(
            recipe.model,
            recipe.loss,
            len(self.source.people),
            None if self._teacher is None else self._teacher.shape[1],
            half=recipe.run.precision == "bf16",
        )
        if recipe.model.weights:
            _start_from(self.learner.backbone, Path(recipe.model.weights))
        self.learner.to(self.device)
        if recipe.run.channels_last:
            for parameter in self.learner.backbone.parameters():
                if parameter.ndim == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        if distributed.count() > 1 and self.device.type == "cuda":
            synchronised: Any = nn.SyncBatchNorm
            self.learner.backbone = synchronised.convert_sync_batchnorm(self.learner.backbone)
        self._average = None
        if recipe.average.decay > 0:
            self._average = AveragedModel(
                self.learner.backbone,
                multi_avg_fn=get_ema_multi_avg_fn(  # type: ignore[no-untyped-call]
                    recipe.average.decay
                ),
                use_buffers=True,
            )
        self._optimiser = optimisation.optimiser(self.learner, recipe.optimiser)
        self.step, self.best = 0, math.inf
        self._troubles: set[str] = set()
        self._history: list[dict[str, float]] = []
        self._crops = Crops(self.source, self.learner.size, _augmentation(recipe), recipe.run.seed)

    # --- what there is to do ---------------------------------------------------------------

    @property
    def steps_an_epoch(self) -> int:
        """Steps of the optimiser in an epoch; batches that do not fill one are left out."""
        return self.sampler.steps // self.recipe.batch.accumulate

    @property
    def steps(self) -> int:
        """Steps of the optimiser in the whole run."""
        whole = self.steps_an_epoch * self.recipe.run.epochs
        return min(whole, self.recipe.run.steps) if self.recipe.run.steps else whole

    # --- running -----------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Train to the end, from where the run stands.

        Returns
        -------
        dict
            What came out, as in ``summary.json``.

        Raises
        ------
        RenzhengError
            If the loss is no longer a number, or a checkpoint cannot be written.
        """
        model: nn.Module = self.learner
        if distributed.count() > 1:
            model = DistributedDataParallel(self.learner, find_unused_parameters=False)
        log = Log(self.folder, self.step) if distributed.rank() == 0 else None
        probe = self._probe()
        started, began = time.monotonic(), self.step
        try:
            for epoch, group in self._groups():
                values = self._take(model, group, self.step)
                self.step += 1
                self._watch(values, log)
                ended = self.step % self.steps_an_epoch == 0
                if (ended and (epoch + 1) % self.recipe.validation.every == 0) or (
                    self.step == self.steps
                ):
                    self._validate(probe, log)
                if (
                    ended
                    or self.step == self.steps
                    or self.step % self.recipe.checkpoint.every == 0
                ):
                    self._save(LAST)
            if probe is None or math.isinf(self.best):
                self._save(BEST)  # nothing could be measured: the last is the best known
        finally:
            if log is not None:
                log.close()
        seconds = time.monotonic() - started
        content = {
            "steps": self.step,
            "seconds": seconds,
            "pictures_a_second": (self.step - began) * self.sampler.batch
            * self.recipe.batch.accumulate / max(seconds, 1e-9),
            "unreadable": sorted(self._troubles),
            "validation": self._history,
            "best_eer": None if math.isinf(self.best) else self.best,
            "recipe_digest": self.recipe.digest,
            "data_digest": self.source.digest,
        }  # fmt: skip
        if distributed.rank() == 0:
            summary(self.folder, content)
        return content

    def _groups(self) -> Iterator[tuple[int, list[Any]]]:
        """Batches by step, from where the run stands."""
        accumulate = self.recipe.batch.accumulate
        size = self.sampler.batch // distributed.count()
        share = slice(distributed.rank() * size, (distributed.rank() + 1) * size)
        while self.step < self.steps:
            epoch, inside = divmod(self.step, self.steps_an_epoch)
            loader = batches(
                self._crops,
                self.sampler,
                epoch,
                first=inside * accumulate,
                share=share,
                workers=self.recipe.data.workers,
            )
            group = []
            for batch in loader:
                group.append(batch)
                if len(group) == accumulate:
                    yield epoch, group
                    group = []
                    if self.step % self.steps_an_epoch == 0 or self.step >= self.steps:
                        break

    def _take(self, model: nn.Module, group: list[Any], step: int) -> dict[str, float]:
        """One step of the optimiser."""
        self.learner.train()
        rate = optimisation.learning_rate(self.recipe, step, self.steps)
        for table in self._optimiser.param_groups:
            table["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        total, values = 0.0, {}
        rows = labels = None
        for k, (crops, own, pictures, troubles) in enumerate(group):
            self._report(troubles)
            batch = as_input(
                crops.to(self.device),
                self.learner.kind.mean,
                self.learner.kind.scale,
                self.recipe.run.channels_last,
            )
            wanted = None
            if self._teacher is not None:
                wanted = self._teacher[pictures].to(self.device)
            seed = (self.recipe.run.seed * 1_000_003 + step * len(group) + k) % 2**63
            loss, watch, rows, labels = model(batch, own.to(self.device), wanted, seed)
            (loss / len(group)).backward()
            total += float(loss.detach()) / len(group)
            values = {name: float(value) for name, value in watch.items()}
        if not math.isfinite(total):
            raise RenzhengError(
                f"the loss is {total} at step {step + 1}: training has run away",
                source=str(self.folder),
                remedy="lower optimiser.learning_rate or optimiser.clip, check the data; "
                f"{LAST} holds the last good state",
            )
        clip = self.recipe.optimiser.clip or math.inf
        length = float(nn.utils.clip_grad_norm_(self.learner.parameters(), clip))
        if not math.isfinite(length):
            raise RenzhengError(
                f"the gradient is {length} at step {step + 1}",
                source=str(self.folder),
                remedy=f"lower optimiser.learning_rate; {LAST} holds the last good state",
            )
        self._optimiser.step()
        if self._average is not None:
            self._average.update_parameters(self.learner.backbone)
        if step % _LOOK_EVERY == 0 and rows is not None and labels is not None:
            seen = collapse.examine(rows, labels)
            if step >= 2 * _LOOK_EVERY:
                for words in collapse.warnings(seen, self.learner.dimension):
                    self._tell(f"step {step + 1}: {words}")
            values |= seen
        return {"loss": total, **values, "gradient": length, "learning_rate": rate}

    # --- looking -----------------------------------------------------------------------------

    def _watch(self, values: dict[str, float], log: Log | None) -> None:
        if log is not None:
            log.write(self.step, values)
        if self._progress is not None:
            self._progress(self.step, self.steps, values)

    def _report(self, troubles: list[str]) -> None:
        for trouble in troubles:
            if trouble not in self._troubles:
                self._troubles.add(trouble)
                self._tell(f"passed over: {trouble}")

    def _probe(self) -> validation.Probe | None:
        recipe = self.recipe.validation
        if not recipe.source or distributed.rank() != 0:
            return None
        return validation.Probe.read(Path(recipe.source), self.learner.size, recipe.most)

    def _validate(self, probe: validation.Probe | None, log: Log | None) -> None:
        if probe is None:
            return
        network = self.network()

        def embedder(crops: np.ndarray) -> np.ndarray:
            kind = self.learner.kind
            return validation.embed(network, crops, kind.mean, kind.scale, self.device)

        found = dict(validation.measure(probe, embedder))
        self._history.append({"step": self.step, **found})
        self._tell(
            f"step {self.step}: EER {found['eer']:.2%}, FNMR at FMR 1e-2 "
            f"{found['fnmr_at_fmr_1e-2']:.2%} on the people left out"
        )
        if log is not None:
            log.write(self.step, {f"validation/{name}": value for name, value in found.items()})
        if found["eer"] < self.best:
            self.best = found["eer"]
            self._save(BEST)

    def network(self) -> nn.Module:
        """The backbone to measure and export: the averaged one where there is one."""
        if self._average is None:
            return self.learner.backbone
        averaged: nn.Module = self._average.module
        return averaged

    # --- saving ------------------------------------------------------------------------------

    def _save(self, name: str) -> None:
        if distributed.rank() != 0:
            return
        state: dict[str, Any] = {
            "backbone": _plain(self.network().state_dict()),
            "recipe": json.dumps(self.recipe.to_dict()),
            "step": self.step,
        }
        if name == LAST:
            state |= {
                "learner": _plain(self.learner.state_dict()),
                "optimiser": self._optimiser.state_dict(),
                "average": None if self._average is None else _plain(self._average.state_dict()),
                "best": self.best,
                "history": json.dumps(self._history),
                "troubles": sorted(self._troubles),
                "data": self.source.digest,
                "draws": torch.get_rng_state(),
            }
        checkpoint.save(self.folder / name, state)

    def resume(self) -> None:
        """Take up the run where ``last.pt`` left it.

        Raises
        ------
        RenzhengError
            If there is no whole checkpoint.
        InvalidInput
            If it is of another recipe, backbone or data.
        """
        path = self.folder / LAST
        state = checkpoint.load(path)
        if "learner" not in state:
            raise InvalidInput("this checkpoint is for export only", source=str(path))
        before, now = (
            json.loads(text) for text in (state["recipe"], json.dumps(self.recipe.to_dict()))
        )
        if before["model"] != now["model"]:
            raise InvalidInput(
                f"it is of another backbone: {before['model']['backbone']}",
                source=str(path),
                remedy="resume with the recipe that began the run",
            )
        if state["data"] != self.source.digest:
            raise InvalidInput(
                "the data is not what the run began with",
                source=str(path),
                remedy="put the pictures back as they were, or begin a new run",
            )
        _changed(before, now, path)
        self.learner.load_state_dict(state["learner"])
        self._optimiser.load_state_dict(state["optimiser"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self.step, self.best = state["step"], state["best"]
        self._history = json.loads(state["history"])
        self._troubles = set(state["troubles"])
        torch.set_rng_state(state["draws"])

    def _embed_by_teacher(self) -> Tensor | None:
        packs = [
            loss.options.get("pack") for loss in self.recipe.loss if loss.kind == "distillation"
        ]
        if not packs:
            return None
        if len(set(packs)) > 1:
            raise InvalidInput(
                f"one run learns from one teacher, not from {len(set(packs))}",
                remedy="name the same pack in every distillation loss",
            )
        kind = backbones.get(self.recipe.model.backbone)
        rows = teacher.embed(
            self.source, str(packs[0] or DEFAULT_EMBEDDER), kind.template, self._cache, self._tell
        )
        return torch.from_numpy(rows)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    """Refuse a recipe that would make another run of it; workers and checkpoints change nothing."""
    for table in before:
        if table == "checkpoint":
            continue
        then, new = before[table], now.get(table)
        if table == "data" and new is not None:
            then, new = ({k: v for k, v in t.items() if k != "workers"} for t in (then, new))
        if then != new:
            raise InvalidInput(
                f"the recipe's [{table}] is not what the run began with",
                source=str(path),
                remedy="resume with the same recipe, or begin a new run",
            )


def sources(recipe: Recipe) -> Source:
    """The pictures that a recipe names, as one source."""
    root = Path(recipe.data.root) if recipe.data.root else None
    opened = [open_source(Path(path), root) for path in recipe.data.sources]
    return opened[0] if len(opened) == 1 else merge(opened)


def _sampler(recipe: Recipe, source: Source) -> Sampler:
    labels, batch = np.asarray(source.labels), recipe.batch
    if batch.people:
        return PKSampler(labels, batch.people, batch.pictures, recipe.run.seed, batch.singles)
    return Shuffled(len(labels), batch.size, recipe.run.seed)


def _augmentation(recipe: Recipe) -> Augmentation:
    try:
        return Augmentation(**recipe.augmentation)
    except TypeError as error:
        raise InvalidInput(f"[augmentation]: {error}") from error


def _start_from(backbone: backbones.EmbeddingNetwork, path: Path) -> None:
    state = checkpoint.load(path)
    backbones.load_state(backbone, state.get("backbone", state))


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}
