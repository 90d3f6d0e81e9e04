"""A run over a table: every picture once, rows in the table's order, memory bounded."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from renzheng._support.notation import from_json
from renzheng.apps.batch import steps
from renzheng.apps.batch.pairs import Pairs, Picture, refusal
from renzheng.apps.batch.steps import Answer
from renzheng.apps.batch.store import Progress, Stamp, Store
from renzheng.apps.batch.workers import Tell, map_steps, stamp_of
from renzheng.errors import UnreadableImage
from renzheng.verification.config import VerifierConfig
from renzheng.verification.templates import FaceTemplate
from renzheng.verification.verifier import Verifier

_EVERY = 0.5  # seconds between two commits: what a killed run has to do again
_MAX_HELD = 256  # templates in memory, some 90 KiB each


@dataclass(frozen=True)
class Extraction:
    """The step that makes the template of one picture of a table."""

    number: int
    picture: Picture

    @property
    def path(self) -> str:
        """The path of the picture's file."""
        return self.picture.path

    def done(self, verifier: Verifier, content: bytes) -> FaceTemplate:
        """Return the template of the picture."""
        return steps.extract(verifier, content, self.picture.name, self.picture.role)

    def failed(self, error: UnreadableImage) -> FaceTemplate:
        """Return the template that stands for a picture that cannot be read."""
        return steps.unreadable(error, self.picture.name, self.picture.role)


class Plan:
    """The pictures of a table, and the rows that use each.

    Parameters
    ----------
    pairs
        The table.
    roles
        The roles of its two sides: one file in two roles is two pictures.

    Attributes
    ----------
    pictures
        The pictures in the order of their first use.
    sides
        The numbers of each row's two pictures.
    last
        The number of the last row that uses each picture.
    """

    def __init__(self, pairs: Pairs, roles: tuple[str, str]):
        known: dict[tuple[str, ...], int] = {}
        self.pictures: list[Picture] = []
        self.sides: list[tuple[int, int]] = []
        self.last: list[int] = []
        for row in range(len(pairs.rows)):
            numbers = []
            for one in pairs.pictures(row, roles):
                # A cell that names no file is identified by its text.
                key = (one.role, one.path) if one.path else (one.role, "", one.name)
                number = known.setdefault(key, len(self.pictures))
                if number == len(self.pictures):
                    self.pictures.append(one)
                    self.last.append(row)
                self.last[number] = row
                numbers.append(number)
            self.sides.append((numbers[0], numbers[1]))


def run(
    plan: Plan,
    verifier: Verifier,
    store: Store,
    *,
    workers: int = 1,
    tell: Tell | None = None,
    wrote: Callable[[int], object] | None = None,
) -> None:
    """Do the rows that are not done.

    Parameters
    ----------
    plan
        The pictures and rows of the table.
    verifier
        The verifier; every process makes one like it.
    store
        The store that rows are written to; rows that are there are not done again.
    workers
        The number of processes; see `renzheng.apps.batch.workers.map_steps`.
    tell
        Called with the number of pictures and of rows that are done.
    wrote
        Called, when rows have been written, with the number of the first of them.

    Raises
    ------
    RenzhengError
        If the store cannot be written or a process dies; finished rows are kept.
    """
    config = VerifierConfig.of(verifier)
    held = _Held(plan, store, wrote, tell)
    first = held.row
    needed = dict.fromkeys(number for sides in plan.sides[first:] for number in sides)
    missing = [number for number in needed if number not in held]
    done = len(plan.pictures) - len(missing)

    def report() -> None:
        if tell:
            tell("pictures", done, len(plan.pictures))

    def extractions() -> Iterator[Extraction]:
        for number in missing:
            if refusal(plan.pictures[number]) is None:
                yield Extraction(number, plan.pictures[number])

    # Cells that name no file need no work.
    for number in missing:
        refused = refusal(plan.pictures[number])
        if refused is not None:
            held.put(number, refused)
            done += 1
    report()
    try:
        held.advance(verifier)
        for step, stamp, template in map_steps(extractions(), config, workers):
            assert isinstance(step, Extraction)
            held.put(step.number, template, stamp)
            held.advance(verifier)
            done += 1
            report()
    finally:
        held.flush()


class _Held:
    """The templates in memory, and the rows that wait to be written."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        wrote: Callable[[int], object] | None,
        tell: Tell | None,
    ):
        self._wrote = wrote
        self._tell = tell
        self.row = store.done  # the first that is not done
        self._plan = plan
        self._store = store
        self._stored = store.pictures()
        self._memory: OrderedDict[int, FaceTemplate] = OrderedDict()  # the most recently used last
        self._new = Progress()
        self._committed = time.monotonic()

    def __contains__(self, number: int) -> bool:
        return number in self._memory or number in self._stored

    def put(self, number: int, template: FaceTemplate, stamp: Stamp | None = None) -> None:
        """Add a template, with the stamp of its picture's file."""
        self._memory[number] = template
        if stamp is not None:
            self._new.stamps[number] = stamp

    def advance(self, verifier: Verifier) -> None:
        """Compare the pictures of rows, up to the first row whose pictures are not all there."""
        plan = self._plan
        while self.row < len(plan.sides):
            one, other = plan.sides[self.row]
            if one not in self or other not in self:
                break
            answer = steps.compare(verifier, self._get(one), self._get(other))
            self._new.rows.append((self.row, encoded(answer), None))
            for number in {one, other}:
                if plan.last[number] <= self.row:
                    self._memory.pop(number, None)
                    if number in self._stored:
                        self._stored.discard(number)
                        self._new.dropped.append(number)
            self.row += 1
            if self._due():
                self._pause()
        if self._due():
            self._pause()

    def _pause(self) -> None:
        self.flush()
        if self._tell:
            self._tell("rows", self.row, len(self._plan.sides))

    def flush(self) -> None:
        """Write rows and templates in one transaction, and drop the least recently used ones."""
        new = self._new
        # A picture that was read and is still needed must not be read again: it may have changed.
        new.templates = {
            number: template
            for number, template in self._memory.items()
            if number not in self._stored
        }
        if new.rows or new.templates or new.dropped or new.stamps:
            self._store.write(new)
        self._new = Progress()
        self._committed = time.monotonic()
        self._stored.update(new.templates)
        if new.rows and self._wrote is not None:
            self._wrote(new.rows[0][0])
        while len(self._memory) > _MAX_HELD:
            self._memory.popitem(last=False)

    def _due(self) -> bool:
        late = time.monotonic() - self._committed >= _EVERY
        return late or len(self._memory) > 2 * _MAX_HELD

    def _get(self, number: int) -> FaceTemplate:
        if number in self._memory:
            self._memory.move_to_end(number)
            return self._memory[number]
        template = self._store.template(number)
        self._memory[number] = template
        return template


def changed(plan: Plan, store: Store) -> int:
    """Count the pictures whose files have changed, or gone, since they were read."""
    return sum(
        stamp_of(plan.pictures[number].path) != before for number, before in store.stamps().items()
    )


def encoded(answer: Answer) -> str:
    """Return an answer as the store keeps it."""
    return json.dumps([answer.cells, answer.failures])


def decoded(content: str) -> Answer:
    """Return the answer that was encoded."""
    cells, failures = from_json(content)
    return Answer(cells, tuple(failures))
