"""A run over a table: every picture once, rows in the table's order, and little held in memory."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from renzheng.apps.batch import steps as comparing
from renzheng.apps.batch import workers as working
from renzheng.apps.batch.pairs import Pairs, Picture, refusal
from renzheng.apps.batch.steps import Answer
from renzheng.apps.batch.store import Progress, Stamp, Store
from renzheng.errors import UnreadableImage
from renzheng.verification.config import VerifierConfig
from renzheng.verification.templates import FaceTemplate
from renzheng.verification.verifier import Verifier

_EVERY = 0.5  # seconds between two commits: what a killed run does again
_MOST_HELD = 256  # extracts in memory, some 90 KiB each


@dataclass(frozen=True)
class Extraction:
    """A picture of a table, to be extracted."""

    number: int
    picture: Picture

    @property
    def path(self) -> str:
        """Where the picture lies."""
        return self.picture.path

    def done(self, verifier: Verifier, content: bytes) -> FaceTemplate:
        """Its extract."""
        return comparing.extract(verifier, content, self.picture.name, self.picture.role)

    def failed(self, error: UnreadableImage) -> FaceTemplate:
        """What stands for it."""
        return comparing.unreadable(error, self.picture.name, self.picture.role)


class Plan:
    """Which pictures there are, where each comes first and last.

    Parameters
    ----------
    pairs
        The table.
    roles
        Of its two sides: one file in two roles is two pictures.

    Attributes
    ----------
    pictures
        In the order of their first use.
    sides
        The numbers of each row's two pictures.
    last
        The last row of each picture.
    """

    def __init__(self, pairs: Pairs, roles: tuple[str, str]):
        known: dict[tuple[str, ...], int] = {}
        self.pictures: list[Picture] = []
        self.sides: list[tuple[int, int]] = []
        self.last: list[int] = []
        for row in range(len(pairs.rows)):
            numbers = []
            for one in pairs.pictures(row, roles):
                # A cell that names no file is told by its own words.
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
    tell: working.Tell | None = None,
    wrote: Callable[[int], object] | None = None,
) -> None:
    """Do the rows that are not done.

    Parameters
    ----------
    plan
        Of the table.
    verifier
        Of whose settings every process makes its own.
    store
        Where rows go; what is there already is not done again.
    workers
        Processes; see `working.each`.
    tell
        Told how many pictures and how many rows are done.
    wrote
        Told from which row on rows have been written.

    Raises
    ------
    RenzhengError
        If the store cannot be written or a process dies; what was done is kept.
    """
    settings = VerifierConfig.of(verifier)
    held = _Held(plan, store, wrote, tell)
    first = held.row
    needed = dict.fromkeys(number for sides in plan.sides[first:] for number in sides)
    missing = [number for number in needed if number not in held]
    done = len(plan.pictures) - len(missing)

    def report() -> None:
        if tell:
            tell("pictures", done, len(plan.pictures))

    def steps() -> Iterator[Extraction]:
        for number in missing:
            if refusal(plan.pictures[number]) is None:
                yield Extraction(number, plan.pictures[number])

    # Cells that name no file take their place among the others without any work.
    for number in missing:
        refused = refusal(plan.pictures[number])
        if refused is not None:
            held.put(number, refused)
            done += 1
    report()
    try:
        held.advance(verifier)
        for step, stamp, extract in working.each(steps(), settings, workers):
            assert isinstance(step, Extraction)
            held.put(step.number, extract, stamp)
            held.advance(verifier)
            done += 1
            report()
    finally:
        held.flush()


class _Held:
    """The extracts at hand, and the rows that wait to be written."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        wrote: Callable[[int], object] | None,
        tell: working.Tell | None,
    ):
        self._wrote = wrote
        self._tell = tell
        self.row = store.done  # the first that is not done
        self._plan = plan
        self._store = store
        self._stored = store.pictures()
        self._memory: OrderedDict[int, FaceTemplate] = OrderedDict()  # the last used at the end
        self._new = Progress()
        self._committed = time.monotonic()

    def __contains__(self, number: int) -> bool:
        return number in self._memory or number in self._stored

    def put(self, number: int, extract: FaceTemplate, stamp: Stamp | None = None) -> None:
        self._memory[number] = extract
        if stamp is not None:
            self._new.read[number] = stamp

    def advance(self, verifier: Verifier) -> None:
        """Answer the rows whose pictures are known, up to the first that has to wait."""
        plan = self._plan
        while self.row < len(plan.sides):
            one, other = plan.sides[self.row]
            if one not in self or other not in self:
                break
            answer = comparing.compare(verifier, self._get(one), self._get(other))
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
        """Write what there is, all or nothing, and let go of what has not been used for long."""
        new = self._new
        # What was read and is still needed must not be read again: it may have changed since.
        new.kept = {
            number: extract
            for number, extract in self._memory.items()
            if number not in self._stored
        }
        if new.rows or new.kept or new.dropped or new.read:
            self._store.write(new)
        self._new = Progress()
        self._committed = time.monotonic()
        self._stored.update(new.kept)
        if new.rows and self._wrote is not None:
            self._wrote(new.rows[0][0])
        while len(self._memory) > _MOST_HELD:
            self._memory.popitem(last=False)

    def _due(self) -> bool:
        late = time.monotonic() - self._committed >= _EVERY
        return late or len(self._memory) > 2 * _MOST_HELD

    def _get(self, number: int) -> FaceTemplate:
        if number in self._memory:
            self._memory.move_to_end(number)
            return self._memory[number]
        extract = self._store.extract(number)
        self._memory[number] = extract
        return extract


def changed(plan: Plan, store: Store) -> int:
    """How many of the pictures that were read are other files now, or none."""
    return sum(
        working.stamp(plan.pictures[number].path) != before
        for number, before in store.read().items()
    )


def encoded(answer: Answer) -> str:
    """An answer as the store keeps it."""
    return json.dumps([answer.cells, answer.failures])


def decoded(content: str) -> Answer:
    """The answer again."""
    cells, failures = json.loads(content)
    return Answer(cells, tuple(failures))
