"""The training loop: from a recipe to a trained network, resumable at any step."""

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

from renzheng._support.notation import from_json
from renzheng.errors import RenzhengError
from renzheng.training import checkpoint, collapse, distributed, optimisation, validation
from renzheng.training.builders import (
    build_augmentation,
    build_module,
    build_sampler,
    open_sources,
    teacher_embeddings,
)
from renzheng.training.dataset import Crops, load_batches, to_input
from renzheng.training.log import Log, write_summary
from renzheng.training.recipe import Recipe

LAST, BEST = "last.pt", "best.pt"
Progress = Callable[[int, int, Mapping[str, float]], None]  # step, steps in all, metrics
Tell = Callable[[str], None]

_STATISTICS_EVERY = 20  # steps between statistics of the embeddings, which need an SVD


class Trainer:
    """A run that trains as a recipe says, in a folder.

    Parameters
    ----------
    recipe
        Recipe of the run.
    folder
        Folder of the run's files: ``recipe.json``, ``last.pt``, ``best.pt``, ``steps.csv`` ...
    progress
        Called after every step.
    tell
        Called with warnings and measurements in words.
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
        self._progress: Progress = progress or (lambda step, steps, metrics: None)
        self._tell: Tell = tell or (lambda words: None)
        self.device = optimisation.choose_device(recipe.run.device)
        distributed.start(self.device)
        torch.manual_seed(recipe.run.seed)
        self.source = open_sources(recipe.data)
        self.sampler = build_sampler(recipe, self.source)
        self._teacher = teacher_embeddings(recipe, self.source, cache, self._tell)
        self.module = build_module(recipe, len(self.source.people), self._teacher, self.device)
        self._average = optimisation.build_average(self.module.backbone, recipe.average.decay)
        self._optimiser = optimisation.build_optimiser(self.module, recipe.optimiser)
        augmentation = build_augmentation(recipe)
        self._crops = Crops(self.source, self.module.size, augmentation, recipe.run.seed)
        self.step, self.best_eer = 0, math.inf
        self._unreadable: set[str] = set()
        self._validations: list[dict[str, float]] = []

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in an epoch; batches that do not fill a step are left out."""
        return self.sampler.steps // self.recipe.batch.accumulate

    @property
    def steps(self) -> int:
        """Steps of the optimiser in the whole run."""
        steps = self.steps_per_epoch * self.recipe.run.epochs
        return min(steps, self.recipe.run.steps) if self.recipe.run.steps else steps

    @property
    def network(self) -> nn.Module:
        """The backbone to measure and export: the averaged one where there is an average."""
        if self._average is None:
            return self.module.backbone
        averaged: nn.Module = self._average.module
        return averaged

    # --- the loop ----------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Train to the end, from the step that the run stands at.

        Returns
        -------
        dict
            Results, as in ``summary.json``.

        Raises
        ------
        RenzhengError
            If the loss is no longer a number, or a checkpoint cannot be written.
        """
        model: nn.Module = self.module
        if distributed.world_size() > 1:
            model = DistributedDataParallel(self.module, find_unused_parameters=False)
        log = Log(self.folder, self.step) if distributed.rank() == 0 else None
        people = self._read_validation_set()
        start, first_step = time.monotonic(), self.step
        try:
            for step_batches in self._batches_by_step():
                metrics = self._train_step(model, step_batches)
                self.step += 1
                self._log(log, metrics)
                self._progress(self.step, self.steps, metrics)
                if people is not None and self._validation_is_due():
                    self._validate(people, log)
                if self._checkpoint_is_due():
                    self._save(LAST)
            if people is None or math.isinf(self.best_eer):
                self._save(BEST)  # nothing was measured: the last network is the best known
        finally:
            if log is not None:
                log.close()
        return self._summarise(time.monotonic() - start, self.step - first_step)

    def _batches_by_step(self) -> Iterator[list[Any]]:
        """Yield the batches of each step, from the step that the run stands at."""
        accumulate = self.recipe.batch.accumulate
        size = self.sampler.batch // distributed.world_size()
        share = slice(distributed.rank() * size, (distributed.rank() + 1) * size)
        while self.step < self.steps:
            epoch, step_in_epoch = divmod(self.step, self.steps_per_epoch)
            loader = load_batches(
                self._crops,
                self.sampler,
                epoch,
                first=step_in_epoch * accumulate,
                share=share,
                workers=self.recipe.data.workers,
            )
            group = []
            for batch in loader:
                group.append(batch)
                if len(group) == accumulate:
                    yield group
                    group = []
                    if self._epoch_is_over() or self.step >= self.steps:
                        break

    def _epoch_is_over(self) -> bool:
        return self.step % self.steps_per_epoch == 0

    def _validation_is_due(self) -> bool:
        epochs = self.step // self.steps_per_epoch
        due = self._epoch_is_over() and epochs % self.recipe.validation.every == 0
        return due or self.step == self.steps

    def _checkpoint_is_due(self) -> bool:
        due = self.step % self.recipe.checkpoint.every == 0
        return due or self._epoch_is_over() or self.step == self.steps

    # --- one step ----------------------------------------------------------------------------

    def _train_step(self, model: nn.Module, step_batches: list[Any]) -> dict[str, float]:
        """Take one step of the optimiser and return its metrics."""
        self.module.train()
        rate = optimisation.learning_rate(self.recipe, self.step, self.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        loss, metrics, embeddings, labels = self._accumulate_gradients(model, step_batches)
        length = self._clip_gradient()
        self._optimiser.step()
        if self._average is not None:
            self._average.update_parameters(self.module.backbone)
        if self.step % _STATISTICS_EVERY == 0:
            metrics |= self._examine(embeddings, labels)
        return {"loss": loss, **metrics, "gradient": length, "learning_rate": rate}

    def _accumulate_gradients(
        self, model: nn.Module, step_batches: list[Any]
    ) -> tuple[float, dict[str, float], Tensor, Tensor]:
        """Add up the gradients of a step's batches.

        Returns
        -------
        loss, metrics, embeddings, labels
            The mean loss; the metrics, embeddings and labels of the last batch.
        """
        count, kind = len(step_batches), self.module.kind
        total = 0.0
        for k, (crops, labels, pictures, problems) in enumerate(step_batches):
            self._tell_problems(problems)
            batch = to_input(
                crops.to(self.device), kind.mean, kind.scale, self.recipe.run.channels_last
            )
            teacher = None if self._teacher is None else self._teacher[pictures].to(self.device)
            seed = (self.recipe.run.seed * 1_000_003 + self.step * count + k) % 2**63
            loss, metrics, embeddings, all_labels = model(
                batch, labels.to(self.device), teacher, seed
            )
            (loss / count).backward()
            total += float(loss.detach()) / count
        if not math.isfinite(total):
            raise RenzhengError(
                f"the loss is {total} at step {self.step + 1}: training has run away",
                source=str(self.folder),
                remedy="lower optimiser.learning_rate or optimiser.clip, check the data; "
                f"{LAST} holds the last good state",
            )
        return total, {k: float(v) for k, v in metrics.items()}, embeddings, all_labels

    def _clip_gradient(self) -> float:
        """Limit the gradient to the recipe's length and return the length it had."""
        limit = self.recipe.optimiser.clip or math.inf
        length = float(nn.utils.clip_grad_norm_(self.module.parameters(), limit))
        if not math.isfinite(length):
            raise RenzhengError(
                f"the gradient is {length} at step {self.step + 1}",
                source=str(self.folder),
                remedy=f"lower optimiser.learning_rate; {LAST} holds the last good state",
            )
        return length

    # --- observation -------------------------------------------------------------------------

    def _examine(self, embeddings: Tensor, labels: Tensor) -> dict[str, float]:
        """Return statistics of a batch's embeddings, and warn of collapse after the first steps."""
        statistics = collapse.statistics(embeddings, labels)
        if self.step >= 2 * _STATISTICS_EVERY:
            for words in collapse.warnings(statistics, self.module.dimension):
                self._tell(f"step {self.step + 1}: {words}")
        return statistics

    def _log(self, log: Log | None, metrics: Mapping[str, float]) -> None:
        if log is not None:
            log.write(self.step, metrics)

    def _tell_problems(self, problems: list[str]) -> None:
        for problem in problems:
            if problem not in self._unreadable:
                self._unreadable.add(problem)
                self._tell(f"passed over: {problem}")

    def _read_validation_set(self) -> validation.ValidationSet | None:
        recipe = self.recipe.validation
        if not recipe.source or distributed.rank() != 0:
            return None
        return validation.ValidationSet.read(Path(recipe.source), self.module.size, recipe.most)

    def _validate(self, people: validation.ValidationSet, log: Log | None) -> None:
        """Measure the network, and save it if it is the best so far."""
        network, kind = self.network, self.module.kind

        def embedder(crops: np.ndarray) -> np.ndarray:
            return validation.embed(network, crops, kind.mean, kind.scale, self.device)

        rates = dict(validation.measure(people, embedder))
        self._validations.append({"step": self.step, **rates})
        self._tell(
            f"step {self.step}: EER {rates['eer']:.2%}, FNMR at FMR 1e-2 "
            f"{rates['fnmr_at_fmr_1e-2']:.2%} on the people left out"
        )
        self._log(log, {f"validation/{name}": value for name, value in rates.items()})
        if rates["eer"] < self.best_eer:
            self.best_eer = rates["eer"]
            self._save(BEST)

    def _summarise(self, seconds: float, steps: int) -> dict[str, Any]:
        pictures = steps * self.sampler.batch * self.recipe.batch.accumulate
        content = {
            "steps": self.step,
            "seconds": seconds,
            "pictures_a_second": pictures / max(seconds, 1e-9),
            "unreadable": sorted(self._unreadable),
            "validation": self._validations,
            "best_eer": None if math.isinf(self.best_eer) else self.best_eer,
            "recipe_digest": self.recipe.digest,
            "data_digest": self.source.digest,
        }
        if distributed.rank() == 0:
            write_summary(self.folder, content)
        return content

    # --- saving and resuming -----------------------------------------------------------------

    def _save(self, name: str) -> None:
        if distributed.rank() != 0:
            return
        state: dict[str, Any] = {
            "backbone": _on_cpu(self.network.state_dict()),
            "recipe": json.dumps(self.recipe.to_dict()),
            "step": self.step,
        }
        if name == LAST:
            average = None if self._average is None else _on_cpu(self._average.state_dict())
            state |= {
                "learner": _on_cpu(self.module.state_dict()),
                "optimiser": self._optimiser.state_dict(),
                "average": average,
                "best": self.best_eer,
                "history": json.dumps(self._validations),
                "troubles": sorted(self._unreadable),
                "data": self.source.digest,
                "draws": torch.get_rng_state(),
            }
        checkpoint.save(self.folder / name, state)

    def resume(self) -> None:
        """Load the state of ``last.pt``, to go on at exactly its step.

        Raises
        ------
        RenzhengError
            If there is no whole checkpoint.
        InvalidInput
            If the checkpoint is of another recipe, backbone or data.
        """
        path = self.folder / LAST
        state = checkpoint.load(path)
        checkpoint.check_resumable(state, self.recipe, self.source.digest, path)
        self.module.load_state_dict(state["learner"])
        self._optimiser.load_state_dict(state["optimiser"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self.step, self.best_eer = state["step"], state["best"]
        self._validations = from_json(state["history"])
        self._unreadable = set(state["troubles"])
        torch.set_rng_state(state["draws"])


def _on_cpu(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}
