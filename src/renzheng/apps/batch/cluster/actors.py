"""What runs in Ray's processes: pictures are read there, and come out as answers."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2

from renzheng import images
from renzheng.apps.batch import pairs, records, run, workers
from renzheng.apps.batch import steps as comparing
from renzheng.apps.batch.cluster import places
from renzheng.apps.batch.cluster.nodes import require
from renzheng.apps.batch.store import Stamp
from renzheng.errors import RenzhengError
from renzheng.verification.config import VerifierConfig
from renzheng.verification.templates import FaceTemplate

MOST_ATTEMPTS = 4
_FAILED = -1  # in the place of a number
_MOST_HELD = 128  # shared extracts in memory, some 90 KiB each

Table = Any  # pyarrow.Table: one row, `number` of a block and `content`, pickled by our own process


@dataclass(frozen=True)
class Work:
    """One block of a table.

    Attributes
    ----------
    rows
        The number of each row and of its two pictures.
    pictures
        What to do for each picture.
    shared
        Where the extracts of pictures are that were worked on first: part and place in it.
    """

    rows: Sequence[tuple[int, int, int]]
    pictures: Mapping[int, run.Extraction]
    shared: Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Done:
    """What came of a block.

    Attributes
    ----------
    rows
        Number and encoded answer.
    stamps
        How the files of pictures were that were read.
    """

    rows: Sequence[tuple[int, str]]
    stamps: Mapping[int, Stamp]


def packed(number: int, content: Any) -> Table:
    """A block as Ray takes it."""
    import pyarrow

    data = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return pyarrow.table({"number": pyarrow.array([number], pyarrow.int64()), "content": [data]})


def unpacked(table: Table) -> list[tuple[int, Any]]:
    """The blocks again."""
    numbers, contents = table["number"].to_pylist(), table["content"].to_pylist()
    return [(number, pickle.loads(data)) for number, data in zip(numbers, contents, strict=True)]


def extracted(extracts: Mapping[int, FaceTemplate], stamps: Mapping[int, Stamp]) -> Table:
    """Extracts as a table: a row for each, with how its file was."""
    import pyarrow

    rows = [
        {
            "number": number,
            "stamp": list(stamps.get(number, workers.GONE)),
            "content": pickle.dumps(records.to_row(extract), protocol=pickle.HIGHEST_PROTOCOL),
        }
        for number, extract in extracts.items()
    ]
    schema = {
        "number": pyarrow.int64(),
        "stamp": pyarrow.list_(pyarrow.int64(), 2),
        "content": pyarrow.binary(),
    }
    return pyarrow.Table.from_pylist(rows, pyarrow.schema(schema))


def contents(table: Table) -> dict[int, Stamp] | RenzhengError:
    """Which pictures' extracts a table holds, in order, and how their files were."""
    if table["number"][0].as_py() == _FAILED:
        error: RenzhengError = pickle.loads(table["content"][0].as_py())
        return error
    stamps = (tuple(stamp) for stamp in table["stamp"].to_pylist())
    return dict(zip(table["number"].to_pylist(), stamps, strict=True))


class Attempts:
    """How often each block was begun."""

    def __init__(self) -> None:
        self._times: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """It is begun once more."""
        self._times[number] += 1
        return self._times[number]


class Worker:
    """Does steps, each a picture; the networks are loaded once.

    Parameters
    ----------
    settings
        Of the verifier.
    attempts
        A handle of `Attempts`.
    """

    def __init__(self, settings: VerifierConfig, attempts: Any):
        cv2.setNumThreads(1)
        self.verifier = settings.verifier()
        self._attempts = attempts

    def begin(self, number: int, paths: Sequence[str]) -> None:
        """A block is begun.

        Raises
        ------
        RenzhengError
            If others have died over it: a picture that kills every process would end no run.
        """
        ray = require()
        try:
            times = ray.get(self._attempts.begin.remote(number))
        except ray.exceptions.RayError:  # lost with its node: nobody counts
            return
        if times > MOST_ATTEMPTS:
            told = ", ".join(images.printable(path) for path in paths[:4] if path)
            raise RenzhengError(
                f"a process died {MOST_ATTEMPTS} times over one of these {len(paths)} pictures: "
                f"{told}{', ...' if len(paths) > 4 else ''}",
                remedy="perhaps memory ran out: take fewer --workers, or leave the picture out",
            )

    def do(self, step: workers.Step[Any]) -> tuple[Stamp, Any]:
        """One step."""
        return workers.do(step, self.verifier, places.read)

    def __call__(self, block: Table) -> Table:
        """Do a block of steps."""
        ((number, steps),) = unpacked(block)
        try:
            self.begin(number, [step.path for step in steps])
            return packed(number, [self.do(step) for step in steps])
        except RenzhengError as error:
            # Raised, it would come out as the text of another.
            return packed(number, error)


class Extractor(Worker):
    """Makes extracts that several blocks need: a row for each."""

    def __call__(self, block: Table) -> Table:
        """Do a block of pictures."""
        ((number, steps),) = unpacked(block)
        try:
            self.begin(number, [step.path for step in steps.values()])
            done = {number: self.do(step) for number, step in steps.items()}
        except RenzhengError as error:
            return packed(_FAILED, error)
        return extracted(
            {number: extract for number, (_, extract) in done.items()},
            {number: stamp for number, (stamp, _) in done.items()},
        )


class Comparer(Worker):
    """Answers the rows of a block.

    Parameters
    ----------
    parts
        References to what `Extractor` made.
    """

    def __init__(self, settings: VerifierConfig, attempts: Any, parts: Sequence[Any]):
        super().__init__(settings, attempts)
        self._parts = parts
        self._held: OrderedDict[int, FaceTemplate] = OrderedDict()

    def __call__(self, block: Table) -> Table:
        """Do a block."""
        ((number, work),) = unpacked(block)
        try:
            self.begin(number, [step.path for step in work.pictures.values()])
            return packed(number, self._done(work))
        except RenzhengError as error:
            return packed(number, error)

    def _done(self, work: Work) -> Done:
        known: dict[int, FaceTemplate] = {}
        stamps: dict[int, Stamp] = {}
        rows = []
        for row, *sides in work.rows:
            for one in sides:
                if one not in known:
                    known[one] = self._extract(one, work, stamps)
            answer = comparing.compare(self.verifier, known[sides[0]], known[sides[1]])
            rows.append((row, run.encoded(answer)))
        return Done(rows, stamps)

    def _extract(self, number: int, work: Work, stamps: dict[int, Stamp]) -> FaceTemplate:
        refused = pairs.refusal(work.pictures[number].picture)
        if refused is not None:
            return refused
        if number in work.shared:
            shared = self._shared(number, *work.shared[number])
            if shared is not None:
                return shared
        done: tuple[Stamp, FaceTemplate] = self.do(work.pictures[number])
        stamps[number], extract = done
        return extract

    def _shared(self, number: int, part: int, place: int) -> FaceTemplate | None:
        """What was made first; None if it was lost with a node, so that it is made once more."""
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        ray = require()
        try:
            content = ray.get(self._parts[part])["content"][place].as_py()
        except ray.exceptions.RayError:
            return None
        extract = records.from_row(pickle.loads(content))
        self._held[number] = extract
        if len(self._held) > _MOST_HELD:
            self._held.popitem(last=False)
        return extract
