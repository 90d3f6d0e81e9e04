"""When two networks side by side pay: benchmarks/ensembles.json.

    python benchmarks/ensembles.py --assets ASSETS [--cache FILE] [--workers 2]
    python benchmarks/ensembles.py --write-docs

SFace with dlib's ResNet, as `renzheng packs combine sface dlib-resnet` makes it: weights fitted on
half of the people of LFW and tested on the other half; the same weights and thresholds on people
whom nothing was fitted on; what the shared crop changes; time and size.
docs/ensembles.md quotes the result; --write-docs quotes it anew and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from information import between, write_document
from renzheng import Verifier, images
from renzheng._support.cpu import cores
from renzheng.apps.cli import terminal
from renzheng.datasets import people
from renzheng.datasets.types import People
from renzheng.evaluation import provenance
from renzheng.evaluation.cache import default_path
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator
from renzheng.evaluation.comparisons.member_weights import fit_weights
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.sampling import first_pictures, split_people
from renzheng.evaluation.statistics.bootstrap import bootstrap
from renzheng.faces.alignment import visible_share
from renzheng.faces.ensemble import combine, member_columns, unit_weights
from renzheng.faces.selection import choose_face
from renzheng.models import packs

COMMAND = "python benchmarks/ensembles.py --assets ASSETS"
OUTPUT = Path(__file__).with_suffix(".json")
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "ensembles.md"
START, END = "<!-- of benchmarks/ensembles.json -->", "<!-- end -->"

MEMBERS = ("sface", "dlib-resnet")
TOGETHER = "together"
COVERING = "together, weights fitted for East Asian people too"
COVERED_RATES = (1e-2, 1e-3)  # what 500 people of each tell by the rule of 30
RATES = (1e-3, 1e-4, 1e-5)
PICTURES = 4  # of each person of LFW: six pairs each at most, so that nobody decides the rate
TIGHT = 3  # of each celebrity; the first often wears a mask
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of dlib, for the curve
OWN_CROPS = 350  # people with two pictures, whose own crops are compared with the shared one
ROUNDS = 30
TOO_LITTLE = 0.6  # of the view in the picture: below it nothing is called a match (findings)
_KEEP = 400_000  # nearest impostors: FMR 1e-3 needs 10,000 here


def chosen_people(assets: Path) -> People:
    """Return LFW's people with several pictures, and every second one with a single picture."""
    lfw = people.read(assets / "lfw" / "lfw-deepfunneled")
    lfw = lfw.select(first_pictures(lfw.person, PICTURES))
    _, owner, count = np.unique(lfw.person, return_inverse=True, return_counts=True)
    several = count[owner] > 1
    single = np.flatnonzero(~several)[::2]
    return lfw.select(np.sort(np.concatenate([np.flatnonzero(several), single])))


def mixed(units: list[Any], weights: Any) -> Any:
    """Return embeddings of unit length, of the members' at these weights."""
    return np.concatenate([w * each for w, each in zip(weights, units, strict=True)], axis=1)


def ways_of(units: list[Any], weights: Any) -> dict[str, Any]:
    """Return the embeddings of each member and of both."""
    return {**dict(zip(MEMBERS, units, strict=True)), TOGETHER: mixed(units, weights)}


def compared(rows: Any, person: Any) -> Scores:
    """Compare everyone with everyone."""
    return compare_all(rows, person, keep=_KEEP)


def rates_of(every: Mapping[str, Scores], tell: Any) -> dict[str, Any]:
    """Return FNMR at each FMR by way, and how much less it is together than with SFace alone.

    The same people are drawn for all ways, so that the differences have intervals of their own.
    """
    person = next(iter(every.values())).person

    def measured(weight: Any) -> dict[str, Any]:
        found = {
            name: [WeightedScores(each, weight).fnmr_at_fmr(rate)[0] for rate in RATES]
            for name, each in every.items()
        }
        less = np.subtract(found[MEMBERS[0]], found[TOGETHER])
        return {**found, "less": less}

    drawn = bootstrap(person, measured, 400, progress=lambda n, of: tell("drawing people", n, of))
    return {name: [each.to_dict() for each in drawn.estimates(name)] for name in (*every, "less")}


def curve_of(units: list[Any], person: Any, scale: Any) -> list[dict[str, Any]]:
    """Return the FNMR of mixtures, by dlib's share of the mean impostor's squared distance."""
    found = []
    for share in SHARES:
        factors = np.array([1 - share, share]) / scale
        rows = mixed(units, np.sqrt(factors / factors.sum())).astype(np.float32)
        weighted = WeightedScores(compared(rows, person))
        found.append({"share": share, "fnmr": [weighted.fnmr_at_fmr(rate)[0] for rate in RATES]})
    return found


def mean_impostors(units: list[Any], person: Any) -> Any:
    """Return the mean squared distance of different people, by member."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(person), (2, 200_000))
    differ = person[one] != person[other]
    return np.array([np.mean(2 - 2 * (u[one] * u[other]).sum(axis=1)[differ]) for u in units])


def embedded(evaluator: Evaluator, chosen: People) -> tuple[People, list[Any]]:
    """Return people whose pictures show a face, and their members' embeddings."""
    known, found = evaluator.embed_people(chosen)
    there = np.flatnonzero(found.acquired)
    pack = evaluator.verifier.pack
    weights = unit_weights([each["weight"] for each in pack.manifest["members"]])
    rows = found.rows[there]
    units = [rows[:, c] / w for c, w in zip(member_columns(pack), weights, strict=True)]
    return known.select(there), [(u / np.linalg.norm(u, axis=1, keepdims=True)) for u in units]


def east_asian(assets: Path, *, tested: bool) -> list[tuple[str, People]]:
    """Return one half of each of the East Asian populations, everyone with one picture."""
    found = []
    for name, folder in (("East Asian women", "AF"), ("East Asian men", "AM")):
        every = people.read_any(assets / "asian" / folder)
        chosen = split_people(np.arange(len(every.pictures)), 0.5, 0) == tested
        found.append((name, every.select(np.flatnonzero(chosen))))
    return found


def covering(
    assets: Path, evaluator: Evaluator, fitting: Any, testing: Any, weights: Any
) -> dict[str, Any]:
    """Return FNMR at the distances that keep each FMR among East Asian people too.

    Weights are fitted without them and with them; none of those counted here was fitted on.
    """
    fit, test = (
        [embedded(evaluator, chosen) for _, chosen in east_asian(assets, tested=tested)]
        for tested in (False, True)
    )
    others = [([u.astype(np.float32) for u in units], p.person) for p, units in fit]
    bound = fit_weights(*fitting, others=others)
    every = {
        **{name: np.eye(len(MEMBERS))[k] for k, name in enumerate(MEMBERS)},
        TOGETHER: weights,
        COVERING: unit_weights(bound.weights),
    }
    tight = people.read(assets / "tight")
    portraits = embedded(evaluator, tight.select(first_pictures(tight.person, TIGHT)))
    genuine = {"LFW": testing, "tight": (portraits[1], portraits[0].person)}
    found: dict[str, Any] = {}
    for way, factors in every.items():
        near = [compared(mixed(u, factors).astype(np.float32), p.person) for p, u in test]
        limits = [min(n.impostor[int(r * n.impostors) - 1] for n in near) for r in COVERED_RATES]
        found[way] = {}
        for name, (units, person) in genuine.items():
            scores = compared(mixed(units, factors).astype(np.float32), person)
            found[way][name] = [float(v) for v in WeightedScores(scores).fnmr_at(limits)]
    return {"rates": list(COVERED_RATES), "weights": list(bound.weights), "fnmr": found}


def others(
    assets: Path, evaluator: Evaluator, weights: Any, limits: dict[str, list[float]]
) -> list[dict[str, Any]]:
    """Count matches among people whom nothing was fitted on, at LFW's thresholds."""
    tight = people.read(assets / "tight")
    chosen = [("Chinese and Korean celebrities, tight crops, some masked",
               tight.select(first_pictures(tight.person, TIGHT)))]  # fmt: skip
    chosen += east_asian(assets, tested=True)
    found = []
    for name, members in chosen:
        known, units = embedded(evaluator, members)
        ways = {}
        for way, rows in ways_of(units, weights).items():
            scores = compared(rows.astype(np.float32), known.person)
            weighted = WeightedScores(scores)
            ways[way] = {
                "fmr": [float(weighted.fmr_at(limit)) for limit in limits[way]],
                "fnmr": [float(weighted.fnmr_at(limit)) for limit in limits[way]]
                if len(scores.genuine)
                else None,
            }
        found.append(
            {
                "name": name,
                "people": len(np.unique(known.person)),
                "genuine": len(scores.genuine),
                "impostors": scores.impostors,
                "ways": ways,
            }
        )
    return found


def own_crops(
    evaluator: Evaluator, together: Evaluator, chosen: People
) -> dict[str, dict[str, Any]]:
    """Return what the shared crop changes for each member, on two pictures of some people."""
    two = chosen.select(first_pictures(chosen.person, 2))
    everyone, count = np.unique(two.person, return_counts=True)
    few = two.select(np.flatnonzero(np.isin(two.person, everyone[count == 2][:OWN_CROPS])))
    known, units = embedded(together, few)
    found = {}
    for name, shared in zip(MEMBERS, units, strict=True):
        own = evaluator.with_verifier(Verifier(name, threads=1)).embed_people(known)[1].rows
        ways = {}
        for way, rows in (("own", own), ("shared", shared)):
            scores = compared(rows.astype(np.float32), known.person)
            ways[way] = {
                "genuine": float(scores.genuine.mean()),
                "fnmr": WeightedScores(scores).fnmr_at_fmr(1e-3)[0],
            }
        moved = np.linalg.norm(own - shared, axis=1)
        found[name] = {
            "pictures": len(own),
            "moved": float(moved.mean()),
            "moved_most": float(moved.max()),
            **ways,
        }
    return found


def views(assets: Path, together: Verifier) -> dict[str, Any]:
    """Count tight portraits of which too little is seen, by the first member's view and by all."""
    tight = people.read(assets / "tight")
    shares = []
    for picture in tight.select(first_pictures(tight.person, 2)).pictures:
        image = images.read(picture.source)
        faces = together.detect(image)
        if faces:
            face = choose_face(faces, (image.shape[1], image.shape[0]))
            models = together.face_models
            shares.append(
                [visible_share(image, face.landmarks, t) for t in (models.view, models.template)]
            )
    first, every = (np.array(shares) < TOO_LITTLE).mean(axis=0)
    return {"pictures": len(shares), "first": float(first), "shared": float(every)}


def times(together: Verifier) -> dict[str, float]:
    """Return the milliseconds for one face on one core, the ways measured in turn."""
    verifiers = {name: Verifier(name, threads=1) for name in MEMBERS}
    verifiers[TOGETHER] = together
    took: dict[str, list[float]] = {name: [] for name in verifiers}
    crops = {}
    for name, verifier in verifiers.items():
        size = verifier.face_models.template.size
        crops[name] = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    for turn in range(ROUNDS + 1):
        for name, verifier in verifiers.items():
            start = time.process_time()  # the machine is not ours alone
            verifier.embed_crops(crops[name])
            if turn:
                took[name].append(1e3 * (time.process_time() - start))
    return {name: statistics.median(each) for name, each in took.items()}


def size_of(pack: packs.Pack) -> int:
    """Return the bytes of a pack's networks."""
    kept = [name for name in pack.manifest["files"] if name != "calibration.json"]
    return sum((pack.folder / name).stat().st_size for name in kept)


def measure(assets: Path, settings: EvaluationSettings, tell: Any) -> dict[str, Any]:
    """Measure everything."""
    members = [packs.load(name) for name in MEMBERS]
    lfw = chosen_people(assets)
    with tempfile.TemporaryDirectory() as folder:
        pack = combine(members, [1.0] * len(members), Path(folder) / "draft")
        verifier = Verifier(pack, threads=1)
        evaluator = Evaluator(verifier, settings, tell)
        known, units = embedded(evaluator, lfw)
        tested = split_people(known.person, 0.5, 0)
        fitting = [each[~tested] for each in units]
        fitted = fit_weights(fitting, known.person[~tested])
        weights = unit_weights(fitted.weights)
        limits = {
            way: [
                WeightedScores(compared(rows.astype(np.float32), known.person[~tested]))
                .fnmr_at_fmr(rate)[1]
                for rate in RATES
            ]
            for way, rows in ways_of(fitting, weights).items()
        }  # fmt: skip
        testing = [each[tested] for each in units]
        every = {
            way: compared(rows.astype(np.float32), known.person[tested])
            for way, rows in ways_of(testing, weights).items()
        }
        scale = mean_impostors(fitting, known.person[~tested])
        scores = every[TOGETHER]
        return {
            "command": COMMAND,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "packs": [provenance.of_pack(each) for each in members],
            "rates": list(RATES),
            "weights": [float(w) for w in weights],
            "fitted": {
                "people": fitted.people,
                "pictures": int((~tested).sum()),
                "fmr": list(fitted.rates),
                "mean_fnmr": fitted.fnmr,
                "alone": list(fitted.alone),
            },
            "tested": {
                "people": scores.people,
                "pictures": int(tested.sum()),
                "genuine": len(scores.genuine),
                "impostors": scores.impostors,
                "fnmr": rates_of(every, tell),
            },
            "curves": {
                "fitted": curve_of(fitting, known.person[~tested], scale),
                "tested": curve_of(testing, known.person[tested], scale),
            },
            "covering": covering(
                assets,
                evaluator,
                (fitting, known.person[~tested]),
                (testing, known.person[tested]),
                weights,
            ),
            "others": others(assets, evaluator, weights, limits),
            "crops": own_crops(evaluator, evaluator, known.select(np.flatnonzero(~tested))),
            "views": views(assets, verifier),
            "milliseconds": times(verifier),
            "bytes": {**{p.name: size_of(p) for p in members}, TOGETHER: size_of(pack)},
            "dimension": pack.setting("embedding", "dimension"),
            "crop": pack.setting("input", "size"),
        }


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %" if value < 0.1 else f"{100 * value:.1f} %"


def _interval(estimate: dict[str, float]) -> str:
    return (
        f"{_percent(estimate['value'])} [{100 * estimate['low']:.2f}, {100 * estimate['high']:.2f}]"
    )


def quoted(found: dict[str, Any]) -> str:
    """Return the tables of docs/ensembles.md, in Markdown."""
    fitted, tested = found["fitted"], found["tested"]
    squares = [w * w for w in found["weights"]]
    lines = [
        f"Weights fitted on {fitted['people']:,} people of LFW ({fitted['pictures']:,} pictures, "
        f"at most {PICTURES} of each), {found['date']}: "
        + ", ".join(
            f"{name} {weight:.3f} ({square:.0%} of the squared distance)"
            for name, weight, square in zip(MEMBERS, found["weights"], squares, strict=True)
        )
        + f". Tested on the {tested['people']:,} others: {tested['genuine']:,} genuine "
        f"comparisons, {tested['impostors']:,} of different people.",
        "",
        f"| FNMR at FMR | {' | '.join(f'{rate:g}' for rate in found['rates'])} "
        "| processor time a face | size |",
        "|---|" + "---|" * (len(found["rates"]) + 2),
    ]
    for name in (*MEMBERS, TOGETHER):
        cells = [
            *map(_interval, tested["fnmr"][name]),
            f"{found['milliseconds'][name]:.0f} ms",
            f"{found['bytes'][name] / 1e6:.0f} MB",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        f"| less than {MEMBERS[0]} alone, paired | "
        + " | ".join(map(_interval, tested["fnmr"]["less"]))
        + " | | |",
        "",
        f"FNMR by {MEMBERS[1]}'s share of the mean impostor's squared distance, on the people "
        "fitted on / tested on:",
        "",
        f"| share | {' | '.join(f'FMR {rate:g}' for rate in found['rates'])} |",
        "|---|" + "---|" * len(found["rates"]),
    ]
    curves = found["curves"]
    for one, other in zip(curves["fitted"], curves["tested"], strict=True):
        cells = [
            f"{100 * a:.2f} / {_percent(b)}"
            for a, b in zip(one["fnmr"], other["fnmr"], strict=True)
        ]
        lines.append(f"| {one['share']:.0%} | {' | '.join(cells)} |")
    lines += [
        "",
        "Other people, at the thresholds of the people fitted on:",
        "",
        f"| people | | {' | '.join(f'LFW FMR {rate:g}' for rate in found['rates'])} |",
        "|---|---|" + "---|" * len(found["rates"]),
    ]
    for each in found["others"]:
        for kind in ("fmr", "fnmr"):
            if each["ways"][TOGETHER][kind] is None:
                continue
            of = each["genuine"] if kind == "fnmr" else each["impostors"]
            for way in (MEMBERS[0], TOGETHER):
                write = _percent if kind == "fnmr" else "{:.2g}".format
                cells = [write(v) for v in each["ways"][way][kind]]
                head = f"{each['name']}: {each['people']}, {kind.upper()} of {of:,}"
                lines.append(f"| {head} | {way} | {' | '.join(cells)} |")
    covered = found["covering"]
    told = [f"FMR {rate:g}" for rate in covered["rates"]]
    lines += [
        "",
        "FNMR at distances that keep the FMR among East Asian women and men too (the higher of "
        "both). Fitted for them as well, the weights are "
        + ", ".join(f"{n} {w:.3f}" for n, w in zip(MEMBERS, covered["weights"], strict=True))
        + ":",
        "",
        f"| | {' | '.join(f'LFW, {each}' for each in told)} "
        f"| {' | '.join(f'tight portraits, {each}' for each in told)} |",
        "|---|" + "---|" * (2 * len(told)),
    ]
    for way, sets in covered["fnmr"].items():
        lines.append(f"| {way} | {' | '.join(_percent(v) for s in sets.values() for v in s)} |")
    lines += [
        "",
        f"What the shared crop of {found['crop']} px changes, on two pictures each of people "
        "fitted on:",
        "",
        "| | embeddings moved, mean (most) | mean genuine distance, own crop / shared "
        "| FNMR at FMR 0.001, own / shared |",
        "|---|---|---|---|",
    ]
    for name in MEMBERS:
        row = found["crops"][name]
        own, shared = row["own"], row["shared"]
        lines.append(
            f"| {name}, {row['pictures']} pictures | {row['moved']:.4f} ({row['moved_most']:.3f}) "
            f"| {own['genuine']:.4f} / {shared['genuine']:.4f} "
            f"| {_percent(own['fnmr'])} / {_percent(shared['fnmr'])} |"
        )
    seen = found["views"]
    lines += [
        "",
        f"Of {seen['pictures']} tight portraits {seen['first']:.0%} show less than "
        f"{TOO_LITTLE:.0%} of {MEMBERS[0]}'s view, and {seen['shared']:.0%} less than that of the "
        "shared crop.",
    ]
    return "\n".join(lines)


def written(document: str, found: dict[str, Any]) -> str:
    """Return a document with its quotation made anew."""
    return between(document, (START, END), quoted(found))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--cache", type=Path, default=default_path())
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    if arguments.write_docs:
        write_document(DOCUMENT, OUTPUT, written)
        return
    if arguments.assets is None:
        parser.error("--assets or --write-docs is needed")
    settings = EvaluationSettings(cache=arguments.cache, workers=arguments.workers)
    with terminal.progress() as tell:
        found = measure(arguments.assets, settings, tell or (lambda *_: None))
    arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.output == OUTPUT:
        write_document(DOCUMENT, OUTPUT, written)
    print(quoted(found))


if __name__ == "__main__":
    main()
