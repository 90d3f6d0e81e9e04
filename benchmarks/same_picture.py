"""The same-picture flag: versions of one photograph caught, different photographs flagged.

    python benchmarks/same_picture.py --data ../shared/assets/lfw [--celeba FOLDER] [--cache FOLDER]

Positives: the first picture of --people people of LFW goes through every alteration and every
document channel, its face is looked for anew, and it meets the original. Negatives: every genuine
pair of LFW, and everyone's first picture against everyone's of 500 people; likewise in CelebA. The
threshold is chosen on one half of the people and tested on the other. Needs scipy (which
scikit-learn of the test group brings). What was computed is kept in --cache and not done again;
--top prints the genuine pairs that score highest, to be looked at.
"""

from __future__ import annotations

import argparse
import itertools
import time
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import beta

from renzheng import Verifier, images
from renzheng.apps.reports.evaluation.tables import percent
from renzheng.datasets import degradations
from renzheng.faces.selection import choose_face
from renzheng.types import Face, Image
from renzheng.verification import same_photo
from renzheng.verification.same_photo import THRESHOLD, PhotoDetail, registration

STRANGERS = 500
# Pairs whose coarse views agree less, however turned, shifted and scaled, are not compared: this
# spares most of the time. What they would have scored is printed, from a sample.
GATE = 0.6
SAMPLE = 2000

# The sets hold these photographs twice, judged by eye on pictures and on what is left when one is
# taken from the other: every hair is the same. Pictures of one moment by two photographers, and
# neighbouring shots, are different photographs.
TWICE = (
    ("Ari_Fleischer_0006", "Ari_Fleischer_0011"),
    ("George_W_Bush_0016", "George_W_Bush_0039"),
    ("George_W_Bush_0096", "George_W_Bush_0120"),
    ("George_W_Bush_0109", "George_W_Bush_0461"),
    ("George_W_Bush_0130", "George_W_Bush_0206"),
    ("George_W_Bush_0147", "George_W_Bush_0165"),
    ("George_W_Bush_0168", "George_W_Bush_0171"),
    ("George_W_Bush_0177", "George_W_Bush_0194"),
    ("George_W_Bush_0235", "George_W_Bush_0261"),
    ("George_W_Bush_0407", "George_W_Bush_0409"),
    ("Julianne_Moore_0001", "Julianne_Moore_0008"),
    ("Julie_Gerberding_0004", "Julie_Gerberding_0006"),
    ("Leslie_Ann_Woodward_0001", "Leslie_Ann_Woodward_0002"),
    ("Prince_Willem-Alexander_0002", "Prince_Willem-Alexander_0003"),
    ("Renee_Zellweger_0010", "Renee_Zellweger_0013"),
    ("Serena_Williams_0002", "Serena_Williams_0016"),
    ("Serena_Williams_0029", "Serena_Williams_0031"),
    # CelebA's part
    ("001692", "006800"),
    ("001981", "005939"),
    ("002080", "007653"),
    ("003116", "008074"),
    ("003209", "008966"),
    ("003670", "004282"),
    ("004642", "005476"),
    ("005194", "006100"),
    ("005801", "007622"),
    ("009357", "009497"),
)

Chance = np.random.Generator
Faces = dict[Path, Face]


def coded(image: Image, quality: int) -> Image:
    _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])


def scaled(image: Image, factor: float) -> Image:
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def cropped(image: Image, rng: Chance) -> Image:
    height, width = image.shape[:2]
    left, right, top, bottom = rng.uniform(0.1, 0.3, 4)
    return np.ascontiguousarray(
        image[int(top * height) : height - int(bottom * height),
              int(left * width) : width - int(right * width)]
    )  # fmt: skip


def toned(image: Image, rng: Chance) -> Image:
    pixels = (image.astype(np.float32) / 255) ** rng.uniform(0.6, 1.6)
    pixels = (pixels - 0.5) * rng.uniform(0.6, 1.4) + 0.5 + rng.uniform(-0.15, 0.15)
    return np.clip(255 * pixels + 0.5, 0, 255).astype(np.uint8)


def turned(image: Image, rng: Chance) -> Image:
    height, width = image.shape[:2]
    angle = float(rng.choice((-1, 1)) * rng.uniform(2, 8))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    return cv2.warpAffine(image, matrix, (width, height))


def mirrored(image: Image) -> Image:
    return np.ascontiguousarray(image[:, ::-1])


def grey(image: Image) -> Image:
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)


def written_over(image: Image, rng: Chance) -> Image:
    """A frame and three lines of text, some across the face."""
    image = image.copy()
    height, width = image.shape[:2]
    colours = [[int(v) for v in row] for row in rng.integers(0, 256, (4, 3))]
    cv2.rectangle(image, (0, 0), (width - 1, height - 1), colours[3], max(4, width // 12))
    for colour in colours[:3]:
        place = int(rng.uniform(0, 0.3) * width), int(rng.uniform(0.1, 0.95) * height)
        size = width / 400 * rng.uniform(0.8, 1.6)
        cv2.putText(image, "SPECIMEN 2026", place, 0, size, colour, 2, cv2.LINE_AA)
    return image


def aslant(image: Image, rng: Chance) -> Image:
    """Seen at an angle: every corner moves by up to 5 % of the picture's sides."""
    height, width = image.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    moved = corners + rng.uniform(-0.05, 0.05, (4, 2)) * (width, height)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def everything(image: Image, rng: Chance) -> Image:
    return coded(toned(scaled(mirrored(cropped(image, rng)), 0.7), rng), 50)


ALTERATIONS: dict[str, Callable[[Image, Face, Chance], Image]] = {
    "JPEG 50": lambda image, face, rng: coded(image, 50),
    "JPEG 30": lambda image, face, rng: coded(image, 30),
    "coded, scaled by 0.8, coded": lambda image, face, rng: coded(
        scaled(coded(image, 60), 0.8), 40
    ),
    "half the size": lambda image, face, rng: scaled(image, 0.5),
    "cropped, 10 to 30 % off each side": lambda image, face, rng: cropped(image, rng),
    "brightness, contrast, gamma": lambda image, face, rng: toned(image, rng),
    "mirrored": lambda image, face, rng: mirrored(image),
    "rotated by 2 to 8 degrees": lambda image, face, rng: turned(image, rng),
    "grey": lambda image, face, rng: grey(image),
    "frame and text over it": lambda image, face, rng: written_over(image, rng),
    "seen aslant, JPEG 70": lambda image, face, rng: coded(aslant(image, rng), 70),
    "cropped, mirrored, smaller, toned, JPEG 50": lambda image, face, rng: everything(image, rng),
    **{
        f"document: {name}": lambda image, face, rng, degradation=degradation: degradation.apply(
            image, face, int(rng.integers(2**31))
        )
        for name, degradation in degradations.DEGRADATIONS.items()
    },
}


def find_faces(paths: Sequence[Path], verifier: Verifier, store: Path) -> Faces:
    if not store.exists():
        names, rows = [], []
        for path in paths:
            image = images.read(path)
            found = verifier.detect(image)
            if found:
                face = choose_face(found, image.shape[1::-1])
                names.append(str(path))
                rows.append([*face.box, *face.landmarks.ravel(), face.score])
        np.savez(store, names=names, rows=np.array(rows))
    with np.load(store) as kept:
        return {
            Path(name): Face(row[:4], row[4:14].reshape(5, 2), float(row[14]))
            for name, row in zip(kept["names"], kept["rows"].astype(np.float32), strict=True)
        }


def by_person(faces: Faces, who: Callable[[Path], str]) -> dict[str, list[Path]]:
    people: dict[str, list[Path]] = {}
    for path in sorted(faces):
        people.setdefault(who(path), []).append(path)
    return people


def halves(people: dict[str, list[Path]]) -> dict[str, int]:
    """Everyone's half: on 0 the threshold is chosen, on 1 it is tested."""
    names = sorted(people)
    np.random.default_rng(5).shuffle(names)
    return {name: k % 2 for k, name in enumerate(names)}


def positives(
    people: dict[str, list[Path]], faces: Faces, half: dict[str, int], count: int, store: Path
) -> dict[str, np.ndarray]:
    """By alteration, a row a person: half, score (nan without a face), mirrored."""
    if not store.exists():
        verifier = Verifier(threads=1)
        rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ALTERATIONS}
        for person in list(half)[:count]:
            path = people[person][0]
            image, face = images.read(path), faces[path]
            original = same_photo.detail_of(image, face)
            for name, alter in ALTERATIONS.items():
                seed = zlib.crc32(f"{path.name} {name}".encode())
                altered = alter(image, face, np.random.default_rng(seed))
                found = verifier.detect(altered)
                score, turned_round = float("nan"), False
                if found:
                    again = choose_face(found, altered.shape[1::-1])
                    result = same_photo.compare_details(
                        original, same_photo.detail_of(altered, again)
                    )
                    score, turned_round = result.score, result.mirrored
                rows[name].append((half[person], score, turned_round))
        np.savez(store, **{name: np.array(values) for name, values in rows.items()})
    with np.load(store) as kept:
        return {name: kept[name] for name in ALTERATIONS}


def _inner(head: PhotoDetail) -> np.ndarray:
    inner = registration.window(head.coarse).detail.ravel()
    return inner / (np.linalg.norm(inner) + 1e-6)


def _views(head: PhotoDetail) -> np.ndarray:
    views = []
    for level in (head.coarse, head.coarse.mirrored()):
        side = level.detail.shape[0]
        inner = registration.window(level).detail.shape
        for matrix in registration._views(side):
            seen = registration._warped(level.detail, matrix, side)
            views.append(sliding_window_view(seen, inner).reshape(-1, inner[0] * inner[1]))
    rows = np.concatenate(views)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6)


def compared(
    heads: Sequence[PhotoDetail], rng: Chance, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs: float (n, 3) first, second, score (-1 where the gate spared it); and a sample of
    the scores that were spared."""
    inner = np.stack([_inner(head) for head in heads])
    near = np.stack([(inner @ _views(head).T).max(axis=1) for head in heads])
    near = np.maximum(near, near.T)
    rows, spared = [], []
    for i, j in itertools.combinations(range(len(heads)), 2):
        score = -1.0
        if near[i, j] >= GATE:
            score = same_photo.compare_details(heads[i], heads[j]).score
        elif rng.random() < share:
            spared.append(same_photo.compare_details(heads[i], heads[j]).score)
        rows.append((i, j, score))
    return np.array(rows), np.array(spared)


def negatives(
    people: dict[str, list[Path]], faces: Faces, half: dict[str, int], store: Path
) -> dict[str, np.ndarray]:
    """Pictures' names, half and score of each genuine and impostor pair."""
    if not store.exists():
        rng = np.random.default_rng(6)

        @cache
        def name(path: Path) -> str:
            return path.stem

        def detail_of(path: Path) -> PhotoDetail:
            return same_photo.detail_of(images.read(path), faces[path])

        several = {who: paths for who, paths in people.items() if len(paths) > 1}
        pairs = sum(len(paths) * (len(paths) - 1) // 2 for paths in several.values())
        names, rows, spared = [], [], []
        for who, paths in several.items():
            found, rest = compared([detail_of(path) for path in paths], rng, SAMPLE / pairs)
            rows += [(half[who], score) for _, _, score in found]
            names += [(name(paths[int(i)]), name(paths[int(j)])) for i, j, _ in found]
            spared.append(rest)
        strangers = [people[who][0] for who in list(half)[:STRANGERS]]
        found, rest = compared([detail_of(path) for path in strangers], rng, 0.02)
        np.savez(
            store,
            names=names,
            genuine=np.array(rows),
            impostor=found[:, 2],
            spared=np.concatenate([*spared, rest]),
        )
    with np.load(store) as kept:
        return dict(kept)


def interval(hits: int, count: int) -> tuple[float, float]:
    """Clopper and Pearson's, 95 %."""
    low = float(beta.ppf(0.025, hits, count - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, count - hits)) if hits < count else 1.0
    return low, high


def share(hits: int, count: int) -> str:
    if not count:
        return "-"
    low, high = (percent(v).removesuffix(" %") for v in interval(hits, count))
    return f"{percent(hits / count)} [{low}, {high}]"


def caught_table(found: dict[str, np.ndarray], threshold: float) -> None:
    print("| version of one photograph | no face | caught | caught, test half | lowest 1 % score |")
    print("|---|---|---|---|---|")
    for name, rows in found.items():
        seen = rows[~np.isnan(rows[:, 1])]
        test = seen[seen[:, 0] == 1]
        caught = [int((part[:, 1] >= threshold).sum()) for part in (seen, test)]
        cells = (
            f"{len(rows) - len(seen)}",
            share(caught[0], len(seen)),
            share(caught[1], len(test)),
            f"{np.quantile(seen[:, 1], 0.01):.3f}",
        )
        print(f"| {name} | {' | '.join(cells)} |")
    right = found["mirrored"][:, 2][found["mirrored"][:, 1] >= threshold]
    wrong = found["JPEG 50"][:, 2][found["JPEG 50"][:, 1] >= threshold]
    print(f"\nMirror images caught and named so: {int(right.sum())} of {len(right)};", end=" ")
    print(f"others named so: {int(wrong.sum())} of {len(wrong)}.\n")


def flagged_table(sets: dict[str, np.ndarray], threshold: float) -> None:
    print("| different photographs | pairs | flagged | rate | highest score |")
    print("|---|---|---|---|---|")
    for name, scores in sets.items():
        hits = int((scores >= threshold).sum())
        print(f"| {name} | {len(scores):,} | {hits} | {share(hits, len(scores))} |", end=" ")
        print(f"{scores.max():.3f} |")


def held_twice(names: np.ndarray) -> np.ndarray:
    return np.array([tuple(row) in TWICE for row in names.tolist()])


def show_top(found: dict[str, np.ndarray], twice: np.ndarray, count: int) -> None:
    scores = found["genuine"][:, 1]
    for k in np.argsort(-scores)[:count]:
        words = *found["names"][k], "one photograph" if twice[k] else ""
        print(f"{scores[k]:.3f}  {'  '.join(words)}")


def milliseconds(faces: Faces, count: int = 300) -> tuple[float, float]:
    """Median and 95th percentile of processor time for a pair, both heads included."""
    paths = sorted(faces)[:: max(1, len(faces) // (2 * count))]
    spent = []
    for one, other in zip(paths[::2], paths[1::2], strict=False):
        pictures = images.read(one), images.read(other)
        start = time.process_time()
        same_photo.compare_images(pictures[0], faces[one], pictures[1], faces[other])
        spent.append(1e3 * (time.process_time() - start))
    return float(np.median(spent)), float(np.quantile(spent, 0.95))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--celeba", type=Path)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--cache", type=Path, default=Path("same-picture"))
    parser.add_argument("--top", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    kept: Path = arguments.cache
    kept.mkdir(parents=True, exist_ok=True)

    paths = sorted(arguments.data.glob("lfw-deepfunneled/*/*.jpg"))
    faces = find_faces(paths, Verifier(threads=1), kept / "lfw-faces.npz")
    people = by_person(faces, lambda path: path.parent.name)
    half = halves(people)
    found = positives(people, faces, half, arguments.people, kept / "lfw-positives.npz")
    other = negatives(people, faces, half, kept / "lfw-negatives.npz")
    twice = held_twice(other["names"])
    side, scores = other["genuine"].T
    show_top(other, twice, arguments.top)
    different = [scores[(side == k) & ~twice] for k in (0, 1)]
    lowest = [
        next(step / 100 for step in range(50, 101) if (part >= step / 100).mean() <= 1e-4)
        for part in different
    ]
    print("Lowest threshold that flags at most 1 in 10,000 different photographs of one person:")
    print(f"{lowest[0]:.2f} on the first half, {lowest[1]:.2f} on the test half.", end=" ")
    print(f"Shipped: {THRESHOLD:.2f}, with which\n")
    caught_table(found, THRESHOLD)
    sets = {
        "LFW, one person, first half": different[0],
        "LFW, one person, test half": different[1],
        "LFW, one person, all": scores[~twice],
        f"LFW, {STRANGERS} people against each other": other["impostor"],
    }
    spared = {"LFW": other["spared"]}
    duplicates = {"LFW": scores[twice]}
    if arguments.celeba:
        lines = (arguments.celeba / "identity.txt").read_text().split("\n")
        whose = dict(line.split() for line in lines if line)
        paths = sorted((arguments.celeba / "images").glob("*.jpg"))
        small = Verifier(threads=1, min_face_size=20)
        faces_there = find_faces(paths, small, kept / "celeba-faces.npz")
        people_there = by_person(faces_there, lambda path: whose[path.name])
        there = negatives(
            people_there, faces_there, halves(people_there), kept / "celeba-negatives.npz"
        )
        twice_there = held_twice(there["names"])
        show_top(there, twice_there, arguments.top)
        scores_there = there["genuine"][:, 1]
        sets["CelebA, one person"] = scores_there[~twice_there]
        sets[f"CelebA, {STRANGERS} people against each other"] = there["impostor"]
        spared["CelebA"] = there["spared"]
        duplicates["CelebA"] = scores_there[twice_there]
    flagged_table(sets, THRESHOLD)
    print()
    for name, found_twice in duplicates.items():
        caught = int((found_twice >= THRESHOLD).sum())
        print(f"{name}: {caught} of {len(found_twice)} photographs that it holds twice are flagged")
    for name, rest in spared.items():
        print(f"{name}: {len(rest)} pairs that the gate spares score {rest.max():.3f} at most")
    median, slow = milliseconds(faces)
    print(f"A pair takes {median:.1f} ms of one core ({slow:.1f} in 1 of 20), both heads included")


if __name__ == "__main__":
    main()
