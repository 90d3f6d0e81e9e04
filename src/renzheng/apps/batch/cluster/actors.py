"""The classes that run in Ray's processes: pictures are read there, and answers come back."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2

from renzheng import images
from renzheng.apps.batch import pairs, records, run, workers
from renzheng.apps.batch.cluster import places
from renzheng.apps.batch.cluster.nodes import require
from renzheng.apps.batch.steps import compare
from renzheng.apps.batch.store import Stamp
from renzheng.errors import RenzhengError
from renzheng.verification.config import VerifierConfig
from renzheng.verification.templates import FaceTemplate

MAX_ATTEMPTS = 4
_FAILED = -1  # instead of a picture's number
_MAX_HELD = 128  # shared templates in memory, some 90 KiB each

Table = Any  # pyarrow.Table of one row: the block's `number` and pickled `content`


@dataclass(frozen=True)
class Work:
    """One block of a table.

    Attributes
    ----------
    rows
        The numbers of each row and of its two pictures.
    pictures
        The step of each picture, by number.
    shared
        Table and row of the templates that were made first, by the number of the picture.
    """

    rows: Sequence[tuple[int, int, int]]
    pictures: Mapping[int, run.Extraction]
    shared: Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Done:
    """The results of a block.

    Attributes
    ----------
    rows
        The number and the encoded answer of each row.
    stamps
        The stamps of pictures' files when they were read, by number.
    """

    rows: Sequence[tuple[int, str]]
    stamps: Mapping[int, Stamp]


def packed(number: int, content: Any) -> Table:
    """Return a block, or its result, as a table for Ray."""
    import pyarrow

    data = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return pyarrow.table({"number": pyarrow.array([number], pyarrow.int64()), "content": [data]})


def unpacked(table: Table) -> list[tuple[int, Any]]:
    """Return the numbers and contents of packed blocks."""
    numbers, contents = table["number"].to_pylist(), table["content"].to_pylist()
    return [(number, pickle.loads(data)) for number, data in zip(numbers, contents, strict=True)]


def template_table(templates: Mapping[int, FaceTemplate], stamps: Mapping[int, Stamp]) -> Table:
    """Return templates as a table, a row for each, with the stamp of its picture's file."""
    import pyarrow

    rows = [
        {
            "number": number,
            "stamp": list(stamps.get(number, workers.GONE)),
            "content": pickle.dumps(records.to_row(template), protocol=pickle.HIGHEST_PROTOCOL),
        }
        for number, template in templates.items()
    ]
    schema = {
        "number": pyarrow.int64(),
        "stamp": pyarrow.list_(pyarrow.int64(), 2),
        "content": pyarrow.binary(),
    }
    return pyarrow.Table.from_pylist(rows, pyarrow.schema(schema))


def stamps_of(table: Table) -> dict[int, Stamp] | RenzhengError:
    """Return the pictures of a table of templates, in order, with the stamps of their files."""
    if table["number"][0].as_py() == _FAILED:
        error: RenzhengError = pickle.loads(table["content"][0].as_py())
        return error
    stamps = (tuple(stamp) for stamp in table["stamp"].to_pylist())
    return dict(zip(table["number"].to_pylist(), stamps, strict=True))


class Attempts:
    """A counter of how often each block was begun."""

    def __init__(self) -> None:
        self._times: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        """Count one more beginning of a block, and return the count."""
        self._times[number] += 1
        return self._times[number]


class Worker:
    """An actor that does steps, each with one picture; the networks are loaded once.

    Parameters
    ----------
    config
        The configuration of the verifier.
    attempts
        A handle of `Attempts`.
    """

    def __init__(self, config: VerifierConfig, attempts: Any):
        cv2.setNumThreads(1)
        self.verifier = config.verifier()
        self._attempts = attempts

    def begin(self, number: int, paths: Sequence[str]) -> None:
        """Note that a block is begun.

        Raises
        ------
        RenzhengError
            If too many processes have died over it: a picture that kills every process would keep
            the run going forever.
        """
        ray = require()
        try:
            times = ray.get(self._attempts.begin.remote(number))
        except ray.exceptions.RayError:  # the counter was lost with its node
            return
        if times > MAX_ATTEMPTS:
            names = ", ".join(images.printable(path) for path in paths[:4] if path)
            raise RenzhengError(
                f"a process died {MAX_ATTEMPTS} times over one of these {len(paths)} pictures: "
                f"{names}{', ...' if len(paths) > 4 else ''}",
                remedy="perhaps memory ran out: use fewer --workers, or leave the picture out",
            )

    def do(self, step: workers.Step[Any]) -> tuple[Stamp, Any]:
        """Do one step."""
        return workers.do_step(step, self.verifier, places.read)

    def __call__(self, block: Table) -> Table:
        """Do a block of steps."""
        ((number, steps),) = unpacked(block)
        try:
            self.begin(number, [step.path for step in steps])
            return packed(number, [self.do(step) for step in steps])
        except RenzhengError as error:
            # Raised, it would arrive as the text of an error of Ray's.
            return packed(number, error)


class Extractor(Worker):
    """An actor that makes templates that several blocks need, a row for each."""

    def __call__(self, block: Table) -> Table:
        """Do a block of pictures."""
        ((number, steps),) = unpacked(block)
        try:
            self.begin(number, [step.path for step in steps.values()])
            done = {number: self.do(step) for number, step in steps.items()}
        except RenzhengError as error:
            return packed(_FAILED, error)
        return template_table(
            {number: template for number, (_, template) in done.items()},
            {number: stamp for number, (stamp, _) in done.items()},
        )


class Comparer(Worker):
    """An actor that answers the rows of a block.

    Parameters
    ----------
    config, attempts
        The parameters of `Worker`.
    parts
        References to the tables that `Extractor` made.
    """

    def __init__(self, config: VerifierConfig, attempts: Any, parts: Sequence[Any]):
        super().__init__(config, attempts)
        self._parts = parts
        self._held: OrderedDict[int, FaceTemplate] = OrderedDict()

    def __call__(self, block: Table) -> Table:
        """Do a block of rows."""
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
                    known[one] = self._template(one, work, stamps)
            answer = compare(self.verifier, known[sides[0]], known[sides[1]])
            rows.append((row, run.encoded(answer)))
        return Done(rows, stamps)

    def _template(self, number: int, work: Work, stamps: dict[int, Stamp]) -> FaceTemplate:
        refused = pairs.refusal(work.pictures[number].picture)
        if refused is not None:
            return refused
        if number in work.shared:
            shared = self._shared(number, *work.shared[number])
            if shared is not None:
                return shared
        done: tuple[Stamp, FaceTemplate] = self.do(work.pictures[number])
        stamps[number], template = done
        return template

    def _shared(self, number: int, part: int, place: int) -> FaceTemplate | None:
        """Return a template that was made first; None if it was lost with a node."""
        if number in self._held:
            self._held.move_to_end(number)
            return self._held[number]
        ray = require()
        try:
            content = ray.get(self._parts[part])["content"][place].as_py()
        except ray.exceptions.RayError:
            return None
        template = records.from_row(pickle.loads(content))
        self._held[number] = template
        if len(self._held) > _MAX_HELD:
            self._held.popitem(last=False)
        return template
