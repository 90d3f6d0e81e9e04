"""The work of a run on Ray Data: the counterparts of `run.run` and `workers.map_steps`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from renzheng.apps.batch.cluster import actors
from renzheng.apps.batch.cluster.nodes import Cluster, failure, require
from renzheng.apps.batch.cluster.plan import PICTURES, Numbers, plan
from renzheng.apps.batch.run import Extraction, Plan
from renzheng.apps.batch.store import Progress, Stamp, Store
from renzheng.apps.batch.workers import Step, Tell
from renzheng.errors import RenzhengError
from renzheng.verification.config import VerifierConfig
from renzheng.verification.templates import FaceTemplate
from renzheng.verification.verifier import Verifier

_EVERY = 0.5  # seconds between two commits: what a killed run has to do again
_PART = 8  # templates that travel together, some 82 KB each
_WINDOW = 4096  # blocks given to Ray at a time where their number is unknown


@dataclass(eq=False)
class Engine:
    """The engine that does a run on a Ray cluster, which it reaches when the work begins.

    Attributes
    ----------
    address, workers
        The parameters of `Cluster`.
    pictures
        The most pictures of a block.
    """

    address: str | None = None
    workers: int | None = None
    pictures: int = PICTURES

    def run(
        self,
        table: Plan,
        verifier: Verifier,
        store: Store,
        *,
        workers: int = 1,
        tell: Tell | None = None,
        wrote: Callable[[int], object] | None = None,
    ) -> None:
        """Do the rows of a table that are not done, as `renzheng.apps.batch.run.run` does.

        Parameters
        ----------
        table, verifier, store, tell, wrote
            The parameters of `renzheng.apps.batch.run.run`.
        workers
            Ignored: the engine has its own number.

        Raises
        ------
        RenzhengError
            If a node cannot do the work, or a process dies over the same pictures again and again;
            finished rows are kept.
        """
        first = store.done
        sides = np.array(table.sides[first:], np.int64).reshape(-1, 2)
        if not len(sides):
            return
        with Cluster(self.address, self.workers) as cluster:
            config = cluster.check(VerifierConfig.of(verifier))
            self._run(cluster, config, table, sides, _Writer(table, store, first, tell, wrote))

    def _run(
        self,
        cluster: Cluster,
        config: VerifierConfig,
        table: Plan,
        sides: Numbers,
        writer: _Writer,
    ) -> None:
        steps = [Extraction(number, one) for number, one in enumerate(table.pictures)]
        cut = plan(sides, self.pictures)
        # A picture that an earlier run read must not be read again: it may have changed.
        kept = writer.kept(set(sides.ravel().tolist()))
        try:
            shared = [n for n in cut.shared.tolist() if n not in kept and table.pictures[n].path]
            parts, where = self._extract(cluster, config, {n: steps[n] for n in shared}, writer)
            if kept:
                where |= {number: (len(parts), place) for place, number in enumerate(kept)}
                parts.append(require().put(actors.template_table(kept, {})))
            blocks = (_work(sides[block], block + writer.row, steps, where) for block in cut.blocks)
            for _, done in _map(cluster, actors.Comparer, blocks, config, parts):
                writer.add(done)
            writer.flush(dropped=list(kept))
        finally:
            writer.flush()

    def map_steps(
        self, steps: Iterable[Step[Any]], config: VerifierConfig, workers: int = 1
    ) -> Iterator[tuple[Step[Any], Stamp, Any]]:
        """Do all steps, as `renzheng.apps.batch.workers.map_steps` does.

        Raises
        ------
        RenzhengError
            As in `run`, whose checks of the cluster it shares.
        """
        rest, size = iter(steps), self.pictures
        with Cluster(self.address, self.workers) as cluster:
            config = cluster.check(config)
            while window := list(islice(rest, _WINDOW * size)):
                blocks = [window[k : k + size] for k in range(0, len(window), size)]
                for number, done in _map(cluster, actors.Worker, blocks, config):
                    for step, (stamp, result) in zip(blocks[number], done, strict=True):
                        yield step, stamp, result

    def _extract(
        self,
        cluster: Cluster,
        config: VerifierConfig,
        steps: Mapping[int, Extraction],
        writer: _Writer,
    ) -> tuple[list[Any], dict[int, tuple[int, int]]]:
        """Make the templates of pictures that several blocks need.

        Returns
        -------
        references to tables of templates, and for each picture the numbers of table and row
        """
        if not steps:
            return [], {}
        ray, numbers = require(), list(steps)
        blocks = [
            {number: steps[number] for number in numbers[k : k + _PART]}
            for k in range(0, len(numbers), _PART)
        ]
        try:
            attempts = _attempts()
            made = _mapped(cluster, actors.Extractor, blocks, config, attempts).materialize()
            parts = made.to_arrow_refs()
            stamps = ray.remote(num_cpus=0)(actors.stamps_of)
            where: dict[int, tuple[int, int]] = {}
            for part, found in enumerate(ray.get([stamps.remote(each) for each in parts])):
                if isinstance(found, RenzhengError):
                    raise found
                where |= {number: (part, place) for place, number in enumerate(found)}
                writer.add_stamps(found)
        except Exception as error:
            raise failure(error) from error
        return parts, where


def _map(
    cluster: Cluster,
    actor: type[actors.Worker],
    blocks: Iterable[Any],
    config: VerifierConfig,
    *more: Any,
) -> Iterator[tuple[int, Any]]:
    """Yield the result of each block with its number, in the order of the blocks."""
    try:
        attempts = _attempts()
        batches = _mapped(cluster, actor, blocks, config, attempts, *more).iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=1
        )
        for batch in batches:
            for number, done in actors.unpacked(batch):
                if isinstance(done, RenzhengError):
                    raise done
                yield number, done
    except Exception as error:
        raise failure(error) from error


def _attempts() -> Any:
    """Return a new counter of attempts, an actor that lives as long as its handle."""
    return require().remote(num_cpus=0)(actors.Attempts).remote()


def _mapped(
    cluster: Cluster,
    actor: type[actors.Worker],
    blocks: Iterable[Any],
    config: VerifierConfig,
    *more: Any,
) -> Any:
    """Return the data set of a class applied to blocks; it is not computed yet."""
    ray = require()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    tables = [actors.packed(number, block) for number, block in enumerate(blocks)]
    workers = min(cluster.workers, len(tables))
    return ray.data.from_arrow(tables).map_batches(
        actor,
        batch_size=None,  # one call does one block, and does it again if its process dies
        batch_format="pyarrow",
        fn_constructor_args=(config, *more),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
    )


class _Writer:
    """Rows that come nearly in order, written to the store in order."""

    def __init__(
        self,
        table: Plan,
        store: Store,
        first: int,
        tell: Tell | None,
        wrote: Callable[[int], object] | None,
    ):
        self._table, self._store, self._tell, self._wrote = table, store, tell, wrote
        self.row = first  # the first row that is not written
        self._waiting: dict[int, str] = {}
        self._stamps: dict[int, Stamp] = {}
        needed = {number for sides in table.sides[first:] for number in sides}
        self._known = set(range(len(table.pictures))) - needed
        self._committed = time.monotonic()
        self._report()

    def kept(self, needed: set[int]) -> dict[int, FaceTemplate]:
        """Return the templates of an earlier run that are needed."""
        return {n: self._store.template(n) for n in sorted(self._store.pictures() & needed)}

    def add_stamps(self, stamps: Mapping[int, Stamp]) -> None:
        """Add the stamps of pictures' files that were read."""
        self._stamps |= stamps

    def add(self, done: actors.Done) -> None:
        """Add the results of a block."""
        self.add_stamps(done.stamps)
        for row, content in done.rows:
            self._waiting[row] = content
            self._known.update(self._table.sides[row])
        self._report()
        if time.monotonic() - self._committed >= _EVERY:
            self.flush()

    def flush(self, dropped: Sequence[int] = ()) -> None:
        """Write the rows whose turn it is, and drop the templates of these pictures."""
        new, first = Progress(stamps=self._stamps, dropped=list(dropped)), self.row
        while self.row in self._waiting:
            new.rows.append((self.row, self._waiting.pop(self.row), None))
            self.row += 1
        if new.rows or new.stamps or new.dropped:
            self._store.write(new)
        self._stamps = {}
        self._committed = time.monotonic()
        if new.rows and self._wrote:
            self._wrote(first)

    def _report(self) -> None:
        if self._tell:
            self._tell("pictures", len(self._known), len(self._table.pictures))


def _work(
    sides: Any, rows: Any, steps: Sequence[Extraction], where: Mapping[int, tuple[int, int]]
) -> actors.Work:
    pictures = {int(number): steps[number] for number in np.unique(sides)}
    return actors.Work(
        [(int(row), int(a), int(b)) for row, (a, b) in zip(rows, sides, strict=True)],
        pictures,
        {number: where[number] for number in pictures if number in where},
    )
