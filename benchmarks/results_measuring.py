"""What `results.py` measures: a table of sections, each a few questions to the evaluation code."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from renzheng import Verifier
from renzheng.datasets import lfw, people
from renzheng.datasets.types import People, Picture
from renzheng.errors import InvalidInput
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator, Progress
from renzheng.evaluation.comparisons.study import Study
from renzheng.evaluation.portraits.outcomes import WRONG
from renzheng.evaluation.portraits.settings import PortraitSettings
from renzheng.evaluation.portraits.study import evaluate_portraits
from renzheng.evaluation.sampling import draw_people, split_people
from renzheng.evaluation.searches.identification import IdentificationStudy, SearchRules, identify
from renzheng.evaluation.searches.measurement import SearchMeasurement
from renzheng.evaluation.searches.sizes import GalleryPromise
from renzheng.evaluation.statistics.bootstrap import REPLICATES, Estimate
from renzheng.models.packs import DEFAULT_EMBEDDER, Pack
from renzheng.types import FaceKind

OTHER = "dlib-resnet"  # the pack that the default one is held against
PERSONS = 600  # of documents
PORTRAITS = 150  # people, in two captures each
FEWER = 300  # of the further documents
DRAWS_OF_DOCUMENTS = 200

CHANNELS = ("none", "chip", "chip-50", "card-scan-200", "card-laminate-glare", "card-photocopy")
MORE_CHANNELS = (
    *("printed-scanned", "glare", "blur", "colour-cast", "hologram", "photocopy"),
    "worn-card",
)
CAPTURES = ("scan-200", "photo")
AGES = {"0-12": (0, 12), "13-17": (13, 17), "18-39": (18, 39), "40-59": (40, 59), "60": (60, 200)}
RACES = {"asian": 2, "indian": 3, "black": 1, "white": 0}  # as UTKFace's names say it
ADULTS = (20, 59)
MOST_OF_UTK = 500  # pictures of each group, spread evenly: more narrow its interval little

Values = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where the data lie and how they are measured.

    Attributes
    ----------
    assets
        The folder of real faces.
    cache
        The file of known embeddings; what else is kept lies beside it.
    workers
        Processes that embed.
    draws
        Bootstrap replicates; None for each section's own.
    progress
        Told what is being done and how far it is.
    """

    assets: Path
    cache: Path
    workers: int = 1
    draws: int | None = None
    progress: Progress | None = None

    @property
    def lfw(self) -> Path:
        return self.assets / "lfw"

    def evaluator(
        self,
        pack: str = DEFAULT_EMBEDDER,
        *,
        min_face_size: int = 40,
        aligned: str | None = None,
        draws: int = REPLICATES,
    ) -> Evaluator:
        settings = EvaluationSettings(
            aligned=aligned, cache=self.cache, workers=self.workers, draws=self.draws or draws
        )
        return Evaluator(_verifier(pack, min_face_size), settings, self.progress)

    def beside(self, measure: Callable[[Evaluator], Values]) -> Values:
        """The default pack's values, and the other pack's under its name."""
        found = measure(self.evaluator())
        if DEFAULT_EMBEDDER != OTHER:
            found[OTHER] = measure(self.evaluator(OTHER))
        return found


@cache
def _verifier(pack: str, min_face_size: int) -> Verifier:
    return Verifier(pack, min_face_size=min_face_size)


@dataclass(frozen=True)
class Section:
    """One part of the results.

    Attributes
    ----------
    title
        For people.
    commands
        What repeats it, with LFW and ASSETS for folders.
    measure
        Does it.
    beside
        Whether the other pack is measured as well.
    """

    title: str
    commands: tuple[str, ...]
    measure: Callable[[Bench], Values] = field(repr=False)
    beside: bool = False


def rate_key(rate: float) -> str:
    """A rate as the paths of values name it: 1e-4."""
    digits, power = f"{rate:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


def plain(value: Any) -> Any:
    """For JSON: six digits are plenty, and what is no number is None."""
    if isinstance(value, Estimate):
        return plain(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def errors(study: Study) -> Values:
    """A study's error rates: the same form in every section."""
    found = study.measurement
    points = {rate_key(point.fmr): point for point in found.points}
    return {
        "people": found.people,
        "pictures": study.attempted,
        "not_acquired": study.attempted - study.acquired,
        "failure_to_acquire": study.failure_to_acquire,
        "genuine": found.genuine,
        "impostor": found.impostor,
        "eer": found.equal_error_rate,
        "finest_fmr": found.finest_fmr,
        "fnmr": {
            key: {**point.fnmr.to_dict(), "supported": point.supported}
            for key, point in points.items()
        },
        "fnmr_of_people": {key: point.fnmr_of_people for key, point in points.items()},
        "false_matches": {key: point.false_matches for key, point in points.items()},
        "people_pairs": {key: point.people for key, point in points.items()},
        "promised": promises(study),
    }


def promises(study: Study) -> Values:
    """What was seen at the distances that the pack's calibration promises a rate for."""
    return {
        rate_key(each.promised): {
            "distance": each.threshold,
            "fmr": each.fmr,
            "fnmr": each.fnmr,
            "frr": each.frr,
        }
        for each in study.measurement.promises
    }


def lfw_view_2(bench: Bench) -> Values:
    study = bench.evaluator().pairs(lfw.read(bench.lfw))
    folds = study.measurement.folds
    assert folds is not None
    return {
        "accuracy": folds.mean,
        "standard_error": folds.standard_error,
        "pairs": _pairs(study),
        **errors(study),
    }


def _pairs(study: Study) -> int:
    found = study.measurement
    return found.genuine + found.impostor + found.genuine_lost + found.impostor_lost


def lfw_all(bench: Bench) -> Values:
    return errors(bench.evaluator().people(people.read(lfw.images(bench.lfw))))


def promised(bench: Bench) -> Values:
    """What the pack itself says: its manifest's rows as they stand."""
    del bench
    verifier = _verifier(DEFAULT_EMBEDDER, 40)
    said = verifier.pack.manifest.get("calibration", {})
    calibration = verifier.calibration
    return {
        **{k: v for k, v in said.items() if k == "data" or isinstance(v, list)},
        "resolution": None if calibration is None else calibration.resolution,
    }


def populations(bench: Bench) -> Values:
    """Everyone against everyone within a population: one picture each, so false matches only."""
    found: Values = {}
    for name, source, pictures, held_out in _populations(bench.assets):
        everyone = People(name, pictures, np.arange(len(pictures)))
        if held_out:
            everyone = _held_out(bench.evaluator(), everyone)

        def measure(evaluator: Evaluator, everyone: People = everyone) -> Values:
            study = evaluator.people(everyone)
            return {
                "pictures": study.attempted,
                "not_acquired": study.attempted - study.acquired,
                "impostor": study.measurement.impostor,
                "promised": {
                    key: {"distance": each["distance"], "fmr": each["fmr"]}
                    for key, each in promises(study).items()
                },
            }

        # The former default is shown where it failed.
        beside = source.startswith(("asian", "ages"))
        values = bench.beside(measure) if beside else measure(bench.evaluator())
        found[name] = {"source": source, "held_out": held_out, **values}
    return found


def _held_out(evaluator: Evaluator, everyone: People) -> People:
    """Those whom `renzheng calibrate --population` has not seen: half of those with a face."""
    everyone, embedded = evaluator.embed_people(everyone)
    everyone = everyone.select(embedded.acquired)
    return everyone.select(split_people(everyone.person, 0.5, seed=0))


def _populations(assets: Path) -> Iterable[tuple[str, str, Sequence[Picture], bool]]:
    """Name, folder, pictures, and whether the half that was not calibrated on is taken."""
    for name in ("AF", "AM"):
        yield name, f"asian/{name}", people.read_any(assets / "asian" / name).pictures, True
    for name in ("F", "M"):
        everyone = people.read_any(assets / "ages" / name).pictures
        yield f"ages-{name}", f"ages/{name}", everyone, False
        for ages, (youngest, oldest) in AGES.items():
            some = [p for p in everyone if youngest <= int(Path(p.name).stem[-2:]) <= oldest]
            if len(some) > 1:
                yield f"ages-{name}-{ages}", f"ages/{name}", some, False
    everyone = people.read_any(assets / "train" / "utk").pictures
    for name, code in RACES.items():
        some = [
            picture
            for picture in everyone
            if (found := re.match(r"(\d+)_\d_(\d)_", picture.name))
            and ADULTS[0] <= int(found[1]) <= ADULTS[1]
            and int(found[2]) == code
        ]
        step = max(1, len(some) // MOST_OF_UTK)
        yield f"utk-{name}", "train/utk", some[::step][:MOST_OF_UTK], False


def documents(channels: Sequence[str], persons: int) -> Callable[[Bench], Values]:
    def measure(bench: Bench) -> Values:
        everyone = people.read(lfw.images(bench.lfw))
        some = everyone.select(draw_people(everyone.person, persons, seed=0))
        evaluator = bench.evaluator(draws=DRAWS_OF_DOCUMENTS)
        return {name: errors(study) for name, study in evaluator.documents(some, channels)}

    return measure


def portrait_search(bench: Bench) -> Values:
    settings = PortraitSettings(captures=CAPTURES, people=PORTRAITS, workers=bench.workers)
    # A log of other packs or another revision would be refused: each has a file of its own.
    stamp = json.dumps([str(bench.assets), settings.stamp("")], sort_keys=True).encode()
    log = bench.cache.with_name(f"portraits-{hashlib.sha256(stamp).hexdigest()[:16]}.jsonl")
    tell = bench.progress
    study = evaluate_portraits(
        people.read(lfw.images(bench.lfw)),
        settings,
        log=log,
        progress=None if tell is None else lambda done, whole: tell("searching", done, whole),
    )
    wrong = [each for each in study.outcomes if each.result == WRONG]
    return {
        **{
            row.kind: {
                "documents": row.lost.of,
                "right": None if row.right is None else row.right.to_dict(),
                "not_acquired": row.lost.to_dict(),
                "doubt": row.doubted.to_dict(),
                "ghost": None if row.ghosts is None else row.ghosts.to_dict(),
            }
            for row in study.by_capture
        },
        "chosen": sum(row.right.of for row in study.by_capture if row.right is not None),
        "wrong": len(wrong),
        "wrong_with_doubt": sum(each.doubt for each in wrong),
        "ghost_chosen": sum(each.ghost == str(FaceKind.CHOSEN) for each in study.outcomes),
    }


def tight(bench: Bench) -> Values:
    everyone = people.read(bench.assets / "tight")
    names = [picture.name.split("/") for picture in everyone.pictures]
    # The idols' folders have capital letters; a celebrity's file of three numbers shows a mask.
    idol = np.array([who[0].isupper() for who, _ in names])
    mask = np.array([bool(re.fullmatch(r"\d+_\d+_\d+", Path(file).stem)) for _, file in names])
    sets = {"idols": idol, "celebrities": ~idol & ~mask}
    evaluator = bench.evaluator()
    return {
        name: errors(evaluator.people(everyone.select(chosen))) for name, chosen in sets.items()
    }


def identification(bench: Bench) -> Values:
    everyone = people.read(lfw.images(bench.lfw))
    evaluator = bench.evaluator()
    study = identify(evaluator, everyone)
    held_out = identify(evaluator, everyone, SearchRules(held_out=0.5))
    finest = None if (known := evaluator.verifier.calibration) is None else known.resolution
    return {
        **_searches(study),
        "promises": [_promise(each) for each in study.galleries],
        "held_out": [_promise(each) for each in held_out.galleries],
        "resolution": finest,
        "most_enrolled": {}
        if finest is None
        else {
            rate_key(rate): math.floor(math.log1p(-rate) / math.log1p(-finest))
            for rate in (1e-1, 1e-2, 1e-3)
        },
    }


def identification_celeba(bench: Bench) -> Values:
    study = identify(bench.evaluator(min_face_size=20), _celeba(bench.assets))
    return {**_searches(study), "promises": [_promise(each) for each in study.galleries]}


def _searches(study: IdentificationStudy) -> Values:
    sizes = {
        str(point.enrolled): {
            "enrolled": point.enrolled,
            "rank_1": point.rank_one,
            "tpir": {rate_key(rate): tpir for rate, tpir in point.tpir},
        }
        for point in study.sizes
    }
    if study.sizes:
        sizes["all"] = sizes.pop(str(study.sizes[-1].enrolled))
    return {
        "people": study.people,
        "pictures": study.attempted,
        "not_acquired": study.attempted - study.acquired,
        "leave_one_out": _way(study.leave_one_out),
        "disjoint": None if study.disjoint is None else _way(study.disjoint),
        "sizes": sizes,
    }


def _way(way: SearchMeasurement) -> Values:
    points = {rate_key(point.max_fpir): point for point in way.points}
    ranks = [k for k in (1, 10, 50) if k <= len(way.identification)]
    return {
        "enrolled": way.enrolled,
        "not_enrolled": way.not_enrolled,
        "mated": way.mated,
        "mated_people": way.mated_people,
        "nonmated": way.nonmated,
        "nonmated_people": way.nonmated_people,
        "rank": {k: way.identification[k - 1] for k in ranks},
        "rank_of_people": {k: way.identification_of_people[k - 1] for k in ranks},
        "tpir": {
            key: {**point.tpir.to_dict(), "supported": point.supported}
            for key, point in points.items()
        },
        "tpir_of_people": {key: point.tpir_of_people for key, point in points.items()},
        "false_positives": {key: point.false_positives for key, point in points.items()},
        "false_people": {key: point.people for key, point in points.items()},
        "promised": {
            rate_key(each.max_fpir): {"fpir": each.fpir, "tpir": each.tpir}
            for each in way.promises
            if each.fpir is not None
        },
    }


def _promise(each: GalleryPromise) -> Values:
    return {
        "enrolled": each.enrolled,
        "fmr": each.fmr,
        "promised_fpir": each.promised,
        "fpir": each.fpir,
        "fpir_of_people": each.fpir_of_people,
        "ratio": each.fpir.value / each.promised,
        "single_databases": None if each.galleries is None else list(each.galleries),
    }


def other_sets(bench: Bench) -> Values:
    celeba = bench.evaluator(min_face_size=20).people(_celeba(bench.assets))
    glint = bench.evaluator(aligned="arcface-112").people(
        people.read(bench.assets / "train" / "glint24")
    )
    return {"celeba": errors(celeba), "glint": errors(glint)}


def _celeba(assets: Path) -> People:
    folder = assets / "train" / "celeba10k"
    rows = [line.split() for line in (folder / "identity.txt").read_text().splitlines() if line]
    found = [(name, who) for name, who in rows if (folder / "images" / name).is_file()]
    if not found:
        raise InvalidInput("no pictures here", source="train/celeba10k")
    return People(
        "celeba10k",
        [Picture(name, folder / "images" / name) for name, _ in found],
        np.unique([who for _, who in found], return_inverse=True)[1].astype(np.intp),
    )


def _again(name: str) -> str:
    return f"python benchmarks/results.py --assets ASSETS --only {name} --redo"


def _documents_command(channels: Sequence[str], persons: int) -> str:
    return (
        f"renzheng evaluate documents LFW/lfw-deepfunneled --persons {persons} --channels "
        f"{','.join(channels)} --draws {DRAWS_OF_DOCUMENTS}"
    )


SECTIONS = {
    "lfw-view-2": Section("LFW View 2", ("renzheng evaluate lfw --data LFW",), lfw_view_2),
    "lfw-all": Section(
        "LFW, everyone against everyone",
        ("renzheng evaluate lfw --data LFW --view all",),
        lfw_all,
    ),
    "promised": Section(
        "What the calibration kept on the people held out",
        (f"renzheng packs show {DEFAULT_EMBEDDER}",),
        promised,
    ),
    "populations": Section(
        "False matches by population", (_again("populations"),), populations, beside=True
    ),
    "documents": Section(
        "Documents against live pictures",
        (_documents_command(CHANNELS, PERSONS),),
        documents(CHANNELS, PERSONS),
    ),
    "documents-more": Section(
        "More documents against live pictures",
        (_documents_command(MORE_CHANNELS, FEWER),),
        documents(MORE_CHANNELS, FEWER),
    ),
    "portraits": Section(
        "The main portrait of a document",
        (
            f"renzheng evaluate portraits LFW/lfw-deepfunneled --persons {PORTRAITS} --captures "
            f"{','.join(CAPTURES)}",
        ),
        portrait_search,
    ),
    "tight": Section("Crops that the face fills", (_again("tight"),), tight),
    "identification": Section(
        "One-to-many search",
        (
            "renzheng evaluate identification LFW/lfw-deepfunneled",
            "renzheng evaluate identification LFW/lfw-deepfunneled --held-out 0.5",
        ),
        identification,
    ),
    "identification-celeba": Section(
        "One-to-many search on small pictures",
        (
            "renzheng evaluate identification CELEBA.csv --min-face-size 20",
            _again("identification-celeba"),
        ),
        identification_celeba,
    ),
    "other-sets": Section(
        "Other people and pictures",
        (
            "renzheng evaluate people CELEBA.csv --min-face-size 20",
            "renzheng evaluate people ASSETS/train/glint24 --aligned arcface-112",
            _again("other-sets"),
        ),
        other_sets,
    ),
}


def state(section: Section) -> dict[str, Any]:
    """What a section's numbers rest on besides the data; made in another state it is stale.

    The digest of a pack's whole manifest is kept, and not compared: words about a pack (its limits,
    what was measured) change no number.
    """
    from renzheng.faces.detection import DETECTION_REVISION
    from renzheng.faces.documents import SEARCH_REVISION

    verifier = _verifier(DEFAULT_EMBEDDER, 40)
    beside = section.beside and DEFAULT_EMBEDDER != OTHER
    return {
        "pack": _described(verifier.pack),
        "beside": _described(_verifier(OTHER, 40).pack) if beside else None,
        "detector": _described(verifier.detector_pack),
        "detection_revision": DETECTION_REVISION,
        "search_revision": SEARCH_REVISION,
    }


def _described(pack: Pack) -> dict[str, Any]:
    return {
        "name": pack.name,
        "version": pack.version,
        "digest": pack.digest,
        "network_digest": pack.network_digest,
        "calibration_digest": pack.manifest["files"].get("calibration.json"),
    }


def is_stale(kept: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a section was made in another state than `now`, as of `state`."""
    return _compared({key: kept.get(key) for key in now}) != _compared(now)


def _compared(made: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: {k: v for k, v in each.items() if k != "digest"} if isinstance(each, dict) else each
        for key, each in made.items()
    }
