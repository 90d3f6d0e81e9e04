"""The same-picture flag: versions of one photograph caught, different photographs flagged.

    python benchmarks/same_picture.py --data ../shared/assets/lfw [--celeba FOLDER] [--cache FOLDER]
        [--people 1000] [--embeddings FILE]

Positives: the first picture of --people people of LFW goes through every alteration, every document
channel and every evasion, its face is looked for anew, and it meets the original. Negatives: the
genuine pairs of LFW whose embeddings are near and a sample of the others, and everyone's first
picture against everyone's of 200 people; likewise in CelebA. The threshold is chosen on one half of
the people and tested on the other. The nearest distance that embeddings of different photographs of
one person come to is printed too. Needs scipy (which scikit-learn of the test group brings). What
was computed is kept in --cache and not done again, embeddings in the file that `renzheng evaluate`
keeps; --top prints the genuine pairs that score highest, to be looked at.
"""

from __future__ import annotations

import argparse
import itertools
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import beta

from renzheng import Verifier, images
from renzheng.apps.reports.evaluation.tables import percent
from renzheng.datasets import degradations
from renzheng.datasets.types import Picture
from renzheng.evaluation.acquisition import Extraction, acquire
from renzheng.evaluation.cache import Cache, default_path
from renzheng.faces.selection import choose_face
from renzheng.types import Face, Image
from renzheng.verification import same_photo
from renzheng.verification.same_photo import THRESHOLD, PhotoDetail

STRANGERS = 200
# Pairs of one person whose embeddings are farther apart are not compared, which spares most of the
# time. What they would have scored is printed, from a sample.
NEAR = 0.6
SAMPLE = 4000

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


def displaced(image: Image, shift: np.ndarray) -> Image:
    """Each pixel taken from so many px right and down of it, float (height, width, 2)."""
    height, width = image.shape[:2]
    places = np.dstack(np.meshgrid(np.arange(width), np.arange(height))) + shift
    places = places.astype(np.float32)
    return cv2.remap(image, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def bulged(image: Image, strength: float) -> Image:
    """The middle magnified by 1 / (1 - strength), less and less towards the edges."""
    height, width = image.shape[:2]
    middle = np.array((width - 1, height - 1)) / 2
    away = np.dstack(np.meshgrid(np.arange(width), np.arange(height))) - middle
    near = np.maximum(0, 1 - (away**2).sum(axis=2, keepdims=True) / middle.min() ** 2)
    return displaced(image, -strength * near * away)


def warped(image: Image, largest: float, smooth: float, rng: Chance) -> Image:
    """Warped by a random field: its largest displacement, and the standard deviation of the
    Gaussian that smoothed it, both in px of a picture 250 px wide."""
    height, width = image.shape[:2]
    scale = width / 250
    field = cv2.GaussianBlur(rng.normal(size=(height, width, 2)), (0, 0), smooth * scale)
    return displaced(image, field * (largest * scale / np.linalg.norm(field, axis=2).max()))


def relit(image: Image, rng: Chance) -> Image:
    """Lit from one side: a slope of light of 40 to 80 % across the picture."""
    height, width = image.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    across, down = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
    light = 1 + rng.uniform(0.4, 0.8) * (across * np.cos(angle) + down * np.sin(angle))
    return np.clip(image * light[:, :, None] + 0.5, 0, 255).astype(np.uint8)


def noisy(image: Image, rng: Chance) -> Image:
    return np.clip(image + rng.normal(0, 8, image.shape) + 0.5, 0, 255).astype(np.uint8)


def elsewhere(image: Image, face: Face, rng: Chance) -> Image:
    """The head before another background: blotches around a random colour."""
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    middle, eyes = face.landmarks.mean(axis=0), face.inter_eye_distance
    away = ((x - middle[0]) / 1.25) ** 2 + ((y - middle[1] + 0.1 * eyes) / 1.75) ** 2
    head = np.clip((1.15 - away / eyes**2) / 0.3, 0, 1)[:, :, None]
    blotches = cv2.GaussianBlur(rng.normal(size=(height, width, 3)), (0, 0), 0.03 * width)
    behind = blotches * (25 / blotches.std()) + rng.uniform(60, 200, 3)
    return np.clip(head * image + (1 - head) * behind + 0.5, 0, 255).astype(np.uint8)


def widened(image: Image, rng: Chance) -> Image:
    factor = float(rng.choice((1 / 1.05, 1.05)))
    return cv2.resize(image, None, fx=factor, fy=1, interpolation=cv2.INTER_AREA)


Alteration = Callable[[Image, Face, Chance], Image]

# What somebody does who knows that the photograph is looked for
EVASIONS: dict[str, Alteration] = {
    "bulge of 0.1": lambda image, face, rng: bulged(image, 0.1),
    "bulge of 0.2": lambda image, face, rng: bulged(image, 0.2),
    "bulge of -0.2": lambda image, face, rng: bulged(image, -0.2),
    "smooth warp, 5 px": lambda image, face, rng: warped(image, 5, 30, rng),
    "smooth warp, 10 px": lambda image, face, rng: warped(image, 10, 30, rng),
    "smooth warp, 10 px, mirrored": lambda image, face, rng: mirrored(warped(image, 10, 30, rng)),
    "smooth warp, 6 px, relit, noise": lambda image, face, rng: noisy(
        relit(warped(image, 6, 30, rng), rng), rng
    ),
    "smooth warp, 5 px, another background": lambda image, face, rng: warped(
        elsewhere(image, face, rng), 5, 30, rng
    ),
    "local warp, 6 px, JPEG 50": lambda image, face, rng: coded(warped(image, 6, 15, rng), 50),
    "seen aslant": lambda image, face, rng: aslant(image, rng),
    "5 % wider or narrower": lambda image, face, rng: widened(image, rng),
}

ALTERATIONS: dict[str, Alteration] = {
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
    **{f"evasion: {name}": alter for name, alter in EVASIONS.items()},
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


def kept_in_parts(
    store: Path, people: Sequence[str], compute: Callable[[Sequence[str]], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What `compute` finds, 25 people at a time, joined; each part is kept and not done again."""
    store.mkdir(exist_ok=True)
    found: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(people), 25):
        part = store / f"{start:05}.npz"
        if not part.exists():
            rows = compute(people[start : start + 25])
            unfinished = part.with_suffix(".part.npz")
            np.savez(unfinished, **rows)
            unfinished.replace(part)
        with np.load(part) as kept:
            for name in kept.files:
                found.setdefault(name, []).append(kept[name])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def positives(
    people: dict[str, list[Path]], faces: Faces, half: dict[str, int], count: int, store: Path
) -> dict[str, np.ndarray]:
    """By alteration, a row a person: half, score (nan without a face), mirrored, distance between
    the embeddings."""
    verifier = Verifier(threads=1)

    def compute(names: Sequence[str]) -> dict[str, np.ndarray]:
        rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in ALTERATIONS}
        for person in names:
            path = people[person][0]
            image, face = images.read(path), faces[path]
            original = same_photo.detail_of(image, face)
            embedding = verifier.embed(image, face)
            for name, alter in ALTERATIONS.items():
                seed = zlib.crc32(f"{path.name} {name}".encode())
                altered = alter(image, face, np.random.default_rng(seed))
                found = verifier.detect(altered)
                score, turned_round, distance = float("nan"), False, float("nan")
                if found:
                    again = choose_face(found, altered.shape[1::-1])
                    result = same_photo.compare_details(
                        original, same_photo.detail_of(altered, again)
                    )
                    score, turned_round = result.score, result.mirrored
                    distance = verifier.compare(embedding, verifier.embed(altered, again)).distance
                rows[name].append((half[person], score, turned_round, distance))
        return {name: np.array(values) for name, values in rows.items()}

    return kept_in_parts(store, list(half)[:count], compute)


def compared(
    details: Sequence[PhotoDetail], near: np.ndarray | None, rng: Chance, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs that are near: float (n, 3) first, second, score, which is -1 for all others; and
    the scores of a random share of these."""
    rows, spared = [], []
    for i, j in itertools.combinations(range(len(details)), 2):
        score = -1.0
        if near is None or near[i, j]:
            score = same_photo.compare_details(details[i], details[j]).score
        elif rng.random() < share:
            spared.append(same_photo.compare_details(details[i], details[j]).score)
        rows.append((i, j, score))
    return np.array(rows), np.array(spared)


def embedded(paths: Sequence[Path], verifier: Verifier, cache: Path) -> dict[Path, np.ndarray]:
    pictures = [Picture(path.stem, path) for path in paths]
    with Cache(cache) as known:
        rows = acquire(pictures, Extraction.of(verifier), cache=known).rows
    return dict(zip(paths, rows, strict=True))


def negatives(
    people: dict[str, list[Path]],
    faces: Faces,
    rows_of: dict[Path, np.ndarray],
    half: dict[str, int],
    store: Path,
) -> dict[str, np.ndarray]:
    """Pictures' names, half, score and distance of each genuine pair; scores of impostor pairs."""

    def detail_of(path: Path) -> PhotoDetail:
        return same_photo.detail_of(images.read(path), faces[path])

    several = {who: paths for who, paths in people.items() if len(paths) > 1}
    pairs = sum(len(paths) * (len(paths) - 1) // 2 for paths in several.values())

    def of_one_person(people_now: Sequence[str]) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(zlib.crc32(people_now[0].encode()))
        names, rows, spared = [], [], []
        for who in people_now:
            paths = several[who]
            embeddings = np.stack([rows_of[path] for path in paths]).astype(np.float64)
            apart = np.sqrt(np.maximum(2 - 2 * embeddings @ embeddings.T, 0))
            details = [detail_of(path) for path in paths]
            found, rest = compared(details, apart < NEAR, rng, SAMPLE / pairs)
            rows += [(half[who], score, apart[int(i), int(j)]) for i, j, score in found]
            names += [(paths[int(i)].stem, paths[int(j)].stem) for i, j, _ in found]
            spared.append(rest)
        return {
            "names": np.array(names),
            "genuine": np.array(rows),
            "spared": np.concatenate(spared),
        }

    found = kept_in_parts(store, list(several), of_one_person)
    strangers = store / "strangers.npz"
    if not strangers.exists():
        details = [detail_of(people[who][0]) for who in list(half)[:STRANGERS]]
        rows, _ = compared(details, None, np.random.default_rng(6), 0)
        np.savez(strangers, impostor=rows[:, 2])
    with np.load(strangers) as kept:
        found["impostor"] = kept["impostor"]
    return found


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


def nearest(apart: np.ndarray, weights: np.ndarray) -> float:
    """The distance that 1 in 10,000 falls short of."""
    order = np.argsort(apart)
    total = np.cumsum(weights[order])
    return float(apart[order][np.searchsorted(total, 1e-4 * total[-1])])


def nearest_table(
    apart: np.ndarray, who: np.ndarray, twice: np.ndarray, found: dict[str, np.ndarray]
) -> None:
    """The distance that 1 in 10,000 genuine pairs falls short of, and what lies below it."""
    _, person, count = np.unique(who, return_inverse=True, return_counts=True)
    rng, below = np.random.default_rng(0), []
    print(
        "\n1 in 10,000 pairs of different photographs of one person are nearer than (95 % by",
        end="",
    )
    print(" drawing people anew):")
    for name, each in (("pair", np.ones(len(count))), ("person", 1 / count)):
        below.append(nearest(apart, each[person]))
        draws = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), 1000)
        head = np.argsort(apart)[:3000]
        drawn = np.cumsum(draws[:, person[head]] * each[person[head]], axis=1)
        place = (drawn < 1e-4 * (draws * each * count).sum(axis=1, keepdims=True)).sum(axis=1)
        low, high = np.quantile(apart[head][np.minimum(place, len(head) - 1)], (0.025, 0.975))
        print(f"- each {name} counting once: {below[-1]:.4f} [{low:.4f}, {high:.4f}]")
    limit = min(below)
    print(
        f"\nBelow {limit:.4f}: {(twice < limit).sum()} of {len(twice)} photographs held twice, and"
    )
    print(
        "\n| version of one photograph | distance: median | 95 % below | nearer | missed, nearer |"
    )
    print("|---|---|---|---|---|")
    for name, rows in found.items():
        seen = rows[~np.isnan(rows[:, 1])]
        distance, missed = seen[:, 3], seen[:, 1] < THRESHOLD
        near = distance < limit
        print(f"| {name} | {np.median(distance):.3f} | {np.quantile(distance, 0.95):.3f} |", end="")
        print(f" {share(int(near.sum()), len(seen))} | {(near & missed).sum()} of {missed.sum()} |")
    print()


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
    parser.add_argument("--embeddings", type=Path, default=default_path())
    parser.add_argument("--top", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    kept: Path = arguments.cache
    kept.mkdir(parents=True, exist_ok=True)

    paths = sorted(arguments.data.glob("lfw-deepfunneled/*/*.jpg"))
    faces = find_faces(paths, Verifier(threads=1), kept / "lfw-faces.npz")
    people = by_person(faces, lambda path: path.parent.name)
    half = halves(people)
    rows_of = embedded(list(faces), Verifier(threads=1), arguments.embeddings)
    other = negatives(people, faces, rows_of, half, kept / "lfw-negatives")
    found = positives(people, faces, half, arguments.people, kept / "lfw-positives")
    twice = held_twice(other["names"])
    side, scores, apart = other["genuine"].T
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
            people_there,
            faces_there,
            embedded(list(faces_there), small, arguments.embeddings),
            halves(people_there),
            kept / "celeba-negatives",
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
        print(f"{name}: {len(rest)} of the pairs that are not near score {rest.max():.3f} at most")
    who = np.array([first.rsplit("_", 1)[0] for first, _ in other["names"]])
    nearest_table(apart[~twice], who[~twice], apart[twice], found)
    median, slow = milliseconds(faces)
    print(f"A pair takes {median:.1f} ms of one core ({slow:.1f} in 1 of 20), both heads included")


if __name__ == "__main__":
    main()
