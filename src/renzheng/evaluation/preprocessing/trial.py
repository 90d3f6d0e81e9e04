"""The trial of a network's preprocessing: the declared one against the plausible others."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from renzheng.datasets.types import People
from renzheng.errors import PackError
from renzheng.evaluation.preprocessing.crops import MIN_PEOPLE, Progress, TemplateCrops, cut
from renzheng.evaluation.preprocessing.separation import Gain, Separation, gain
from renzheng.faces.alignment import TEMPLATES
from renzheng.faces.embedding import Embedder
from renzheng.models.converters.presets import Preparation
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network

PEOPLE, PICTURES = 150, 3

# The ranges that networks are trained with: mean and factor of channels from 0 to 255, in RGB.
RANGES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0 to 255": ((0.0,), (1.0,)),
    "0 to 1": ((0.0,), (1 / 255,)),
    "-1 to 1": ((127.5,), (1 / 127.5,)),
    "(x - 127.5) / 128": ((127.5,), (1 / 128,)),
    "ImageNet's": ((123.675, 116.28, 103.53), (1 / 58.395, 1 / 57.12, 1 / 57.375)),
}

_SCREENED = 40  # people who tell a wrong range or template; a wrong channel order takes them all
_BUDGET_S = 100.0  # of embedding; the search for faces comes before it
_FEWEST = 60  # people, however slow the network is
# Where the declared one is right, some nine preprocessings see the few, and three see everyone.
_FEW, _ALL = 9, 3
_TIE = 0.005  # of a margin: 1/127.5 and 1/128 differ by less, and `RANGES` has the commoner first
_MAX_ROUNDS = 4  # factors that may be wrong at once
_WEAK = (
    0.15  # an equal error rate that no network of faces has on any of our sets (LFW: 0.3 to 3 %)
)


@dataclass(frozen=True, eq=False)
class Row:
    """One preprocessing that was tried.

    Attributes
    ----------
    change
        Its difference from the one before, such as ``BGR``; empty for the declared one.
    preparation
        The preprocessing.
    separation
        The separation of the people.
    gain
        The difference to the declared one, on the same people; None for that itself.
    people
        The number of people it was tried on: only some where that settles it.
    """

    change: str
    preparation: Preparation
    separation: Separation
    gain: Gain | None
    people: int


@dataclass(frozen=True, eq=False)
class Trial:
    """The outcome of a trial.

    Attributes
    ----------
    rows
        The preprocessings in the order in which they were tried, the declared one first. They are
        compared without the mirror image, save for the rows that say so.
    best
        The declared preprocessing, or the one that clearly beats it; its `mirror` is as declared.
    people, pictures, lost
        The numbers of people, of their faces, and of pictures without one.
    source
        The name of the set of people.
    seconds
        The duration.
    """

    rows: Sequence[Row]
    best: Preparation
    people: int
    pictures: int
    lost: int
    source: str
    seconds: float

    @property
    def declared(self) -> Row:
        """The row of the declared preprocessing."""
        return self.rows[0]

    @property
    def wins(self) -> Row | None:
        """The row of another preprocessing that clearly wins; None if the declared one holds."""
        plain = replace(self.best, mirror=False)
        row = next(each for each in self.rows if each.preparation == plain)
        return None if row is self.declared else row

    @property
    def weak(self) -> bool:
        """Whether not even the best preprocessing recognises people."""
        return (self.wins or self.declared).separation.eer > _WEAK

    def warnings(self, *, chosen: bool = False) -> list[str]:
        """Return what a user of the pack has to know, in sentences.

        Parameters
        ----------
        chosen
            Whether the pack has the best preprocessing and not the declared one.
        """
        said = []
        if self.wins is not None and not chosen:
            one, other = self.declared.separation, self.wins.separation
            said.append(
                f"The declared preprocessing, {self.declared.preparation}, loses clearly against "
                f"{self.wins.preparation}: EER {one.eer:.2%} against {other.eer:.2%}, margin "
                f"{one.margin:.2f} against {other.margin:.2f}."
            )
        if self.weak:
            eer = (self.wins or self.declared).separation.eer
            said.append(
                f"No preprocessing that was tried recognises people (EER {eer:.0%}): the network "
                "is untrained, is made for something else, or wants another input."
            )
        return said

    @property
    def sentence(self) -> str:
        """The outcome for the pack's provenance."""
        number = len(self.rows) - 1
        eer = (self.wins or self.declared).separation.eer_estimate
        return (
            f"tried on {self.people} people of {self.source} ({self.pictures} faces) among "
            f"{number + 1}: EER {eer.value:.2%} ({eer.low:.2%} to {eer.high:.2%})"
        )

    def plain_rows(self) -> list[dict[str, Any]]:
        """Return the rows as plain values for JSON."""
        found = []
        for row in self.rows:
            prepared, separation = row.preparation, row.separation
            values: dict[str, Any] = {
                "change": row.change or "declared",
                "template": prepared.template,
                "channels": prepared.channels,
                "mean": list(prepared.mean),
                "scale": list(prepared.scale),
                "mirror": prepared.mirror,
                "people": row.people,
                "eer": separation.eer_estimate.to_dict(),
                "margin": separation.margin,
            }
            if row.gain is not None:
                values["gain"] = {
                    "margin": row.gain.margin,
                    "deviations": row.gain.deviations,
                    "clear": row.gain.clear,
                }
            found.append(values)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "people": self.people,
            "pictures": self.pictures,
            "lost": self.lost,
            "source": self.source,
            "rows": self.plain_rows(),
            "declared_holds": self.wins is None,
            "best": str(self.best),
            "seconds": round(self.seconds, 1),
        }


def run(
    pack: Pack,
    people: People,
    *,
    count: int | None = None,
    pictures: int = PICTURES,
    seed: int = 0,
    threads: int | None = None,
    backend: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Trial:
    """Try an embedding pack's preprocessing and the plausible others on pictures of people.

    Each factor (template, channel order, range) is changed alone. Where one clearly wins, the
    search goes on from there, until none does. Faces are found once, and cut out by every template.
    Every preprocessing is tried on 40 people first, and on all of them only if these do not settle
    it.

    Parameters
    ----------
    pack
        An embedding pack, calibrated or not.
    people
        Pictures of people, two each at least, whom the network need not know.
    count
        The greatest number of people; by default 150, and fewer for a slow network (60 at least),
        so that the trial takes a minute or two.
    pictures
        The greatest number of pictures of each.
    seed
        Seed of the draws.
    threads, backend
        As in `Network`.
    workers
        Processes that look for faces; by default one per core.
    progress
        Called with each step, and what is done of it.

    Raises
    ------
    InvalidInput
        If fewer than 20 people have two pictures with a face.
    PackError
        If the pack is none of embeddings.
    """
    start = time.perf_counter()
    pack.require("embedder")
    declared = Preparation.of(pack.manifest)
    trier = _Trier(pack, threads, backend, seed, progress)
    if count is None:
        calls = _BUDGET_S / trier.seconds() / pictures - _FEW * _SCREENED
        count = min(PEOPLE, max(_FEWEST, int(calls / _ALL)))
    trier.crops = cut(
        people,
        trier.side,
        count=max(count, MIN_PEOPLE),
        pictures=pictures,
        seed=seed,
        workers=workers,
        progress=progress,
    )
    best = trier.search(replace(declared, mirror=False))
    return Trial(
        rows=trier.rows(),
        best=replace(best, mirror=declared.mirror),
        people=trier.crops.people,
        pictures=len(trier.crops.person),
        lost=trier.crops.asked - len(trier.crops.person),
        source=trier.crops.source,
        seconds=time.perf_counter() - start,
    )


def others(preparation: Preparation) -> Iterator[tuple[str, Preparation]]:
    """Yield the plausible preprocessings that differ in one factor, each with its name."""
    given = preparation
    opposite = "BGR" if given.channels == "RGB" else "RGB"
    # A mean and a factor belong to a colour, and move with it.
    yield (
        opposite,
        replace(given, channels=opposite, mean=given.mean[::-1], scale=given.scale[::-1]),
    )
    for name, (mean, scale) in RANGES.items():
        turn = slice(None, None, 1 if given.channels == "RGB" else -1)
        other = replace(given, mean=mean[turn], scale=scale[turn])
        if not _alike(given, other):
            yield name, other
    for template in TEMPLATES:
        if template != given.template:
            yield template, replace(given, template=template)


def _alike(one: Preparation, other: Preparation) -> bool:
    """Return whether two ranges differ by rounding alone: 0.0039216 is 1 / 255."""
    return all(
        len(a) == len(b) and np.allclose(a, b, rtol=1e-4, atol=1e-9)
        for a, b in ((one.mean, other.mean), (one.scale, other.scale))
    )


class _Trier:
    """The embedding of the crops by one preprocessing after another."""

    crops: TemplateCrops

    def __init__(
        self,
        pack: Pack,
        threads: int | None,
        backend: str | None,
        seed: int,
        progress: Progress | None,
    ):
        self._network = Network(pack.file(pack.setting("input", "file")), threads, backend=backend)
        self._pack, self._seed, self._progress = pack, seed, progress
        self.side = int(pack.setting("input", "size"))
        self._names: dict[Preparation, str] = {}
        self._few: dict[Preparation, Separation] = {}
        self._all: dict[Preparation, Separation] = {}
        self._left = 0  # trials to come, as far as is known

    def seconds(self) -> float:
        """Measure the time of one crop."""
        embedder = self._embedder(replace(Preparation.of(self._pack.manifest), mirror=False))
        crops = np.random.default_rng(0).integers(
            0, 256, (8, self.side, self.side, 3), dtype=np.uint8
        )
        times = []
        for _ in range(2):  # the first call of a network takes longer
            start = time.perf_counter()
            self._embed(embedder, crops)
            times.append(time.perf_counter() - start)
        return min(times) / len(crops)

    def search(self, start: Preparation) -> Preparation:
        """Try a preprocessing and its neighbours, and go on from any that clearly wins.

        A change that clearly loses is not tried again together with others.
        """
        best = start
        self._left = len(list(others(start))) + 4
        self.measure("", start)
        losers: set[str] = set()
        for _ in range(_MAX_ROUNDS):
            near = {name: self._known(each) for name, each in others(best) if name not in losers}
            self._left = sum(each not in self._few for each in near.values()) + 3
            for name, each in near.items():
                self.measure(name, each)
            losing = {
                name for name, each in near.items() if gain(self._few[each], self._few[best]).clear
            }
            losers |= losing
            better = self._better(best, near.values(), self._few)
            if better is None:
                undecided = [each for name, each in near.items() if name not in losing]
                self._left = len(undecided) + 2
                for each in (best, *undecided):
                    self.measure("", each, everyone=True)
                better = self._better(best, undecided, self._all)
            if better is None:
                break
            best = better
        for each in (start, best):
            self.measure("", each, everyone=True)
        self.measure("averaged with the mirror image", replace(best, mirror=True))
        return best

    def _known(self, preparation: Preparation) -> Preparation:
        """Return the preprocessing that was measured already, if one differs by rounding alone."""
        plain = replace(preparation, mean=(0.0,), scale=(1.0,))
        return next(
            (
                each
                for each in self._names
                if replace(each, mean=(0.0,), scale=(1.0,)) == plain and _alike(each, preparation)
            ),
            preparation,
        )

    @staticmethod
    def _better(
        best: Preparation,
        others: Iterable[Preparation],
        measured: Mapping[Preparation, Separation],
    ) -> Preparation | None:
        """Return the preprocessing that clearly beats one by most; of equals, the commoner."""
        clear = [each for each in others if gain(measured[best], measured[each]).clear]
        most = max((measured[each].margin for each in clear), default=0.0)
        return next((each for each in clear if measured[each].margin >= most * (1 - _TIE)), None)

    def measure(self, change: str, preparation: Preparation, *, everyone: bool = False) -> None:
        """Measure a preprocessing on some people or on all, if that is not done."""
        self._names.setdefault(preparation, change)
        place = self._all if everyone else self._few
        if preparation in place:
            return
        person = self.crops.person
        few = person < _SCREENED
        if few.all() and preparation in self._few:
            place[preparation] = self._few[preparation]
            return
        chosen = np.ones(len(person), bool) if everyone else few
        crops = self.crops.crops[preparation.template]
        rows = self._embed(self._embedder(preparation), crops if everyone else crops[chosen])
        place[preparation] = (
            Separation.none() if rows is None else Separation.of(rows, person[chosen], self._seed)
        )
        if self._progress:
            done = len(self._few) + len(self._all)
            self._left = max(self._left - 1, 0)
            self._progress("trying preprocessings", done, done + self._left)

    def rows(self) -> tuple[Row, ...]:
        """Return the preprocessings in the order of their first trial."""
        declared = next(iter(self._names))
        made = []
        for preparation, change in self._names.items():
            table = self._all if preparation in self._all else self._few
            found = table[preparation]
            compared = None if preparation == declared else gain(table[declared], found)
            number = self.crops.people if table is self._all else min(_SCREENED, self.crops.people)
            made.append(Row(change, preparation, found, compared, number))
        return tuple(made)

    def _embedder(self, preparation: Preparation) -> Embedder:
        given = self._pack.manifest["input"]
        return Embedder(
            self._network,
            size=self.side,
            mean=preparation.mean,
            scale=preparation.scale,
            dimension=self._pack.setting("embedding", "dimension"),
            channels=preparation.channels,
            mirror_average=preparation.mirror,
            fixed_batch=given.get("fixed_batch"),
        )

    @staticmethod
    def _embed(embedder: Embedder, crops: Any) -> Any:
        """Return unit embeddings; None if a preprocessing makes the network give none."""
        try:
            rows = embedder.embed(crops)
        except PackError:
            return None
        return rows if np.isfinite(rows).all() else None
