"""MTCNN beside YuNet: speed, misses, landmarks, and error rates with either's landmarks.

    python benchmarks/detectors.py --assets ASSETS [--only speed|faces|turned|rates ...]
    python benchmarks/detectors.py --write-docs

Both as they are by default: faces of 40 px and more, one thread. Speed is measured in turns. The
error rates are those of the default pack on people whom its calibration was not fitted on, at the
distances that the calibration, made with MTCNN, states for a rate. docs/detectors.md quotes it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from calibrate_default import HOLD_OUT, samples
from information import between
from renzheng import Verifier, images
from renzheng.apps.cli import terminal
from renzheng.datasets import people
from renzheng.errors import NoFace
from renzheng.evaluation.cache import default_path
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator
from renzheng.evaluation.sampling import split_people
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.faces.selection import choose_face
from renzheng.types import Face, Image, Role
from renzheng.verification import findings
from renzheng.verification.policy import Policy

COMMAND = "python benchmarks/detectors.py --assets ASSETS"
OUTPUT = Path(__file__).with_suffix(".json")
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "detectors.md"
PARTS = ("speed", "faces", "turned", "rates")
DETECTORS = ("mtcnn", "yunet")
SIZES = ((250, 250), (640, 480), (1280, 720))
ROUNDS = 40
MOST, EVERY = 3, 2  # pictures of a person, and every how manieth person, of those held out
FMRS = (1e-2, 1e-3, 1e-4, 1e-5)
POINTS = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
APART = 0.5  # of the eyes' distance: farther, two detectors have not found the same face
STEP = 1e-3  # of distance, in the histogram that gives the equal error rate
Distances = npt.NDArray[np.float32]


def speed(assets: Path, verifiers: dict[str, Verifier]) -> list[dict[str, Any]]:
    """Return milliseconds a picture: the median of each detector's turns."""
    lfw = sorted((assets / "lfw" / "lfw-deepfunneled").glob("*/*_0001.jpg"))
    scene = images.read(assets / "photos" / "multiface.jpg")
    rows = []
    for width, height in SIZES:
        small = width == 250
        pictures = [images.read(lfw[700 * k]) for k in range(8)] if small else [scene]
        pictures = [_filled(each, width, height) for each in pictures]
        taken: dict[str, list[float]] = {name: [] for name in verifiers}
        for _ in range(ROUNDS):
            for picture in pictures[: 8 if small else 1]:
                for name, verifier in verifiers.items():
                    start = time.perf_counter()
                    verifier.detect(picture)
                    taken[name].append(1000 * (time.perf_counter() - start))
        found = {name: len(v.detect(pictures[0])) for name, v in verifiers.items()}
        medians = {name: float(np.median(each)) for name, each in taken.items()}
        rows.append(
            {
                "size": f"{width} x {height}",
                "picture": "LFW, one face" if small else "a group of seven",
                "ms": {name: round(value, 2) for name, value in medians.items()},
                "faces": found,
            }
        )
    return rows


def _filled(picture: Image, width: int, height: int) -> Image:
    """Cut a picture to a shape, and scale it."""
    high, wide = picture.shape[:2]
    scale = max(width / wide, height / high)
    size = max(width, round(wide * scale)), max(height, round(high * scale))
    whole = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return np.ascontiguousarray(whole[top : top + height, left : left + width])


def faces(
    assets: Path, verifiers: dict[str, Verifier], tell: Callable[..., None]
) -> list[dict[str, Any]]:
    """Return who misses what, and how far the landmarks of both lie apart."""
    lfw = sorted((assets / "lfw" / "lfw-deepfunneled").glob("*/*.jpg"))
    kinds: dict[str, tuple[Sequence[Path], Role]] = {
        "LFW": (lfw[::13], Role.PHOTO),
        "asian": (sorted((assets / "asian").glob("A[FM]/*.jpg"))[::2], Role.PHOTO),
        "tight": (sorted((assets / "tight").glob("*/*.jpg"))[::3], Role.PHOTO),
        "documents": (_pictures(assets / "documents"), Role.DOCUMENT),
    }
    return [_compared(name, *of, verifiers, tell) for name, of in kinds.items()]


def _pictures(folder: Path) -> list[Path]:
    suffixes = (".jpg", ".jpeg", ".png")
    return sorted(path for path in folder.glob("*/*") if path.suffix.lower() in suffixes)


def _compared(
    name: str,
    paths: Sequence[Path],
    role: Role,
    verifiers: dict[str, Verifier],
    tell: Callable[..., None],
) -> dict[str, Any]:
    offsets, elsewhere, time_of = [], 0, dict.fromkeys(verifiers, 0.0)
    missed, certain = dict.fromkeys(verifiers, 0), dict.fromkeys(verifiers, 0)
    for done, path in enumerate(paths, 1):
        picture = images.read(path)
        found: dict[str, Face | None] = {}
        for each, verifier in verifiers.items():
            start = time.perf_counter()
            found[each], sure = _face(picture, role, verifier)
            time_of[each] += time.perf_counter() - start
            missed[each] += found[each] is None
            certain[each] += sure
        one, other = (found[each] for each in DETECTORS)
        if one is not None and other is not None:
            offset = (other.landmarks - one.landmarks) / one.inter_eye_distance
            if np.linalg.norm(offset.mean(axis=0)) > APART:
                elsewhere += 1
            else:
                offsets.append(offset)
        tell(name, done, len(paths))
    apart = np.array(offsets)
    spread = apart - apart.mean(axis=0)
    return {
        "name": name,
        "pictures": len(paths),
        "missed": missed,
        "certain": certain if role is Role.DOCUMENT else None,
        "elsewhere": elsewhere,
        "both": len(apart),
        "ms": {each: round(1000 * value / len(paths), 1) for each, value in time_of.items()},
        "apart_median": _rounded(np.median(np.linalg.norm(apart, axis=2).mean(axis=1))),
        "apart_p95": _rounded(np.quantile(np.linalg.norm(apart, axis=2).mean(axis=1), 0.95)),
        "mean_offset": [[_rounded(v) for v in point] for point in apart.mean(axis=0)],
        "scatter": _rounded(np.sqrt((spread**2).sum(axis=2).mean())),
    }


def _face(picture: Image, role: Role, verifier: Verifier) -> tuple[Face | None, bool]:
    """Return the face that would be compared, in pixels of the picture as it was read."""
    if role is Role.DOCUMENT:
        capture = verifier.acquire(picture, role)
        if capture.face is None:
            return None, False
        back = np.linalg.inv(capture.rectification.matrix)
        points = cv2.perspectiveTransform(capture.face.landmarks[None].astype(np.float64), back)[0]
        face = Face(capture.face.box, points.astype(np.float32), capture.face.score)
        return face, capture.rectification.certain
    try:
        found = verifier.detect(picture)
        return choose_face(found, (picture.shape[1], picture.shape[0])), True
    except NoFace:
        return None, False


def turned(
    assets: Path, verifiers: dict[str, Verifier], tell: Callable[..., None]
) -> dict[str, Any]:
    """Return what happens to photographs that do not stand upright."""
    paths = sorted((assets / "lfw" / "lfw-deepfunneled").glob("*/*.jpg"))[5::300]
    rows: dict[str, Any] = {}
    for quarter in range(4):
        for name, verifier in verifiers.items():
            counts = {"no face": 0, "found, doubted": 0, "found": 0}
            for path in paths:
                picture = np.ascontiguousarray(np.rot90(images.read(path), -quarter))
                capture = verifier.acquire(picture, Role.PHOTO)
                reported = list(findings.of_capture("", capture, Policy()))
                doubt = any(each.code in ("uncertain_face", "low_quality") for each in reported)
                upright = capture.quality.get("upright")
                doubt |= upright is not None and upright.component < 50
                kind = "no face" if capture.face is None else "found, doubted" if doubt else "found"
                counts[kind] += 1
            rows.setdefault(f"{90 * quarter}", {})[name] = counts
        tell("turned", quarter + 1, 4)
    return {"pictures": len(paths), "by_turn": rows}


def rates(assets: Path, cache: Path, workers: int, tell: Callable[..., None]) -> dict[str, Any]:
    """Return error rates with the landmarks of each detector, and across the two."""
    lfw = people.read(assets / "lfw" / "lfw-deepfunneled")
    groups = {"LFW": lfw, **{each.name: each.people for each in samples(assets) if each.covered}}
    table = []
    for name, found in groups.items():
        tested = np.flatnonzero(split_people(found.person, HOLD_OUT, 0))
        tested = tested[np.isin(found.person[tested], np.unique(found.person[tested])[::EVERY])]
        held_out = found.select(first_pictures(found.person, tested))
        rows, person, lost, calibration = {}, None, {}, None
        for detector in DETECTORS:
            settings = EvaluationSettings(cache=cache, workers=workers)
            evaluator = Evaluator(Verifier(detector=detector), settings, tell)
            embedded = evaluator._embed(held_out.pictures, None)
            rows[detector], calibration = embedded.rows, evaluator.verifier.calibration
            lost[detector] = int((~embedded.acquired).sum())
        assert calibration is not None
        person = held_out.person
        both = np.isfinite(rows["mtcnn"][:, 0]) & np.isfinite(rows["yunet"][:, 0])
        kept = {each: value[both] for each, value in rows.items()}
        limits = [calibration.threshold_at(rate) for rate in FMRS]
        for reference, probe in (("mtcnn",) * 2, ("yunet",) * 2, ("mtcnn", "yunet")):
            table.append(
                {
                    "people": name,
                    "persons": len(np.unique(person)),
                    "pictures": len(person),
                    "lost": lost,
                    "reference": reference,
                    "probe": probe,
                    **measured(kept[reference], kept[probe], person[both], limits),
                }
            )
    return {"fmrs": FMRS, "rows": table}


def first_pictures(person: Any, tested: Any) -> Any:
    """Return the first pictures of each person: time goes into people, and few people have more."""
    seen: dict[int, int] = {}
    kept = []
    for picture in tested:
        count = seen[int(person[picture])] = seen.get(int(person[picture]), 0) + 1
        if count <= MOST:
            kept.append(picture)
    return np.array(kept)


def measured(
    references: Distances, probes: Distances, person: Any, limits: Sequence[float]
) -> dict[str, Any]:
    """Return FMR and FNMR at distances, the equal error rate and mean distances.

    A picture is never compared with itself, nor with itself under the other detector.
    """
    alike = references is probes
    matches, impostors, genuine, sums = np.zeros(len(limits), int), 0, [], 0.0
    cells = np.zeros(round(2 / STEP) + 2, np.int64)
    for start in range(0, len(references), 256):
        part = references[start : start + 256]
        distance = np.sqrt(np.maximum(2 - 2 * (part @ probes.T), 0))
        own, other = np.arange(start, start + len(part))[:, None], np.arange(len(probes))[None]
        wanted = other > own if alike else other != own
        same = person[own] == person[other]
        genuine.append(distance[wanted & same])
        strangers = distance[wanted & ~same]
        impostors += len(strangers)
        sums += float(strangers.sum(dtype=np.float64))
        matches += [int((strangers <= limit).sum()) for limit in limits]
        cells += np.bincount(np.ceil(strangers / STEP).astype(int), minlength=len(cells))
    apart = np.concatenate(genuine)
    result: dict[str, Any] = {
        "impostors": impostors,
        "fmr": [float(f"{count / impostors:.3g}") for count in matches],
        "matches": matches.tolist(),
        "impostor_mean": round(sums / impostors, 4),
    }
    if len(apart):
        ends = STEP * np.arange(len(cells))
        false_match = np.cumsum(cells) / impostors
        false_non_match = 1 - np.searchsorted(np.sort(apart), ends, "right") / len(apart)
        cross = int(np.argmin(np.maximum(false_match, false_non_match)))
        result["genuine"] = len(apart)
        result["fnmr"] = [
            float(f"{Proportion.counted(apart > limit).value:.3g}") for limit in limits
        ]
        result["eer"] = float(f"{(false_match[cross] + false_non_match[cross]) / 2:.3g}")
        result["genuine_mean"] = round(float(apart.mean()), 4)
    return result


def _rounded(value: Any) -> float:
    return round(float(value), 4)


START, END = "<!-- of benchmarks/detectors.json -->", "<!-- end -->"


def quoted(found: dict[str, Any]) -> str:
    """Return the tables of the document."""
    parts = {"speed": _speeds, "faces": _misses, "turned": _turns, "rates": _rates}
    texts = [table(found[part]) for part, table in parts.items() if part in found]
    return "\n\n".join(texts)


def _speeds(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| one thread, measured in turns | picture | mtcnn | yunet | |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        one, other = (row["ms"][name] for name in DETECTORS)
        lines.append(
            f"| {row['size']} | {row['picture']} | {one:.1f} ms | {other:.1f} ms "
            f"| {one / other:.1f} times |"
        )
    return "\n".join(lines)


def _misses(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| pictures | no face: mtcnn | yunet | another face | landmarks apart, median | 95 % "
        "| scatter | mouth higher by | nose |",
        "|" + 9 * "---|",
    ]
    for row in rows:
        offset = np.array(row["mean_offset"])[:, 1]
        eyes, nose, mouth = offset[:2].mean(), offset[2], offset[3:].mean()
        lines.append(
            f"| {row['name']}, {row['pictures']:,} | {row['missed']['mtcnn']} "
            f"| {row['missed']['yunet']} | {row['elsewhere']} | {row['apart_median']:.3f} "
            f"| {row['apart_p95']:.3f} | {row['scatter']:.3f} | {eyes - mouth:.3f} "
            f"| {eyes - nose:.3f} |"
        )
    documents = next(row for row in rows if row["certain"])
    certain, taken = documents["certain"], documents["ms"]
    lines += [
        "",
        f"Of the {documents['pictures']} documents the search ended certain on {certain['mtcnn']} "
        f"with MTCNN and {certain['yunet']} with YuNet, in {taken['mtcnn']:,.0f} and "
        f"{taken['yunet']:,.0f} ms on average.",
    ]
    return "\n".join(lines)


def _turns(found: dict[str, Any]) -> str:
    kinds = ("no face", "found, doubted", "found")
    lines = [
        f"| turned by, {found['pictures']} of LFW | "
        + " | ".join(f"{name}: {kind}" for name in DETECTORS for kind in kinds)
        + " |",
        "|" + 7 * "---|",
    ]
    for degrees, by in found["by_turn"].items():
        counts = (str(by[name][kind]) for name in DETECTORS for kind in kinds)
        lines.append(f"| {degrees} degrees | {' | '.join(counts)} |")
    return "\n".join(lines)


def _rates(found: dict[str, Any]) -> str:
    fmrs = found["fmrs"]
    lines = [
        "| people | landmarks of | "
        + " | ".join(f"FMR at {rate:g}" for rate in fmrs)
        + " | FNMR at 0.0001 | EER | mean, genuine | mean, impostors |",
        "|" + (len(fmrs) + 6) * "---|",
    ]
    for row in found["rows"]:
        sides = {row["reference"]: 0, row["probe"]: 0}
        genuine = "eer" in row
        cells = [
            f"{row['people']}, {row['persons']:,}",
            " and ".join(sides),
            *(
                f"{rate:.2g} ({count:,})"
                for rate, count in zip(row["fmr"], row["matches"], strict=True)
            ),
            f"{100 * row['fnmr'][fmrs.index(1e-4)]:.2f} %" if genuine else "",
            f"{100 * row['eer']:.2f} %" if genuine else "",
            f"{row['genuine_mean']:.3f}" if genuine else "",
            f"{row['impostor_mean']:.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
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
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--cache", type=Path, default=default_path())
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    found = json.loads(arguments.output.read_text("utf-8")) if arguments.output.is_file() else {}
    if not arguments.write_docs:
        if arguments.assets is None:
            parser.error("--assets or --write-docs is needed")
        verifiers = {name: Verifier(detector=name, threads=1) for name in DETECTORS}
        with terminal.progress() as tell:
            parts: dict[str, Callable[[], Any]] = {
                "speed": lambda: speed(arguments.assets, verifiers),
                "faces": lambda: faces(arguments.assets, verifiers, tell),
                "turned": lambda: turned(arguments.assets, verifiers, tell),
                "rates": lambda: rates(arguments.assets, arguments.cache, arguments.workers, tell),
            }
            for part in arguments.only or PARTS:
                found[part] = parts[part]()
                found |= {
                    "command": COMMAND,
                    "date": datetime.now(UTC).date().isoformat(),
                    "packs": {
                        name: {"version": v.detector_pack.version, "digest": v.detector_pack.digest}
                        for name, v in verifiers.items()
                    },
                    "embedder": verifiers["mtcnn"].pack.name,
                }
                arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.output == OUTPUT:
        DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), found), encoding="utf-8")
    print(quoted(found))


if __name__ == "__main__":
    main()
