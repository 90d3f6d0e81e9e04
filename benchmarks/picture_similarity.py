"""Whole-picture similarity: what hashes, regions and features find again, and what they mix up.

    python benchmarks/picture_similarity.py --data ../shared/assets/lfw [--people 2000]

Positives: the first picture of people of LFW, altered, against the original. Negatives: everyone's
first picture against everyone's (hashes and features of --people, regions of --strangers), and
the pictures of one person against each other (up to 14 of each, for --seconds); photographs that
LFW holds twice are left out of these. Thresholds were chosen on the same pictures. The features of
several layers of dlib's network are compared with two floors: a grey thumbnail and a colour
histogram. Single process; some twenty minutes.
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
import onnxruntime

from renzheng import Verifier, images
from renzheng.datasets import specimens
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.images import similarity
from renzheng.images.similarity import hashes as hashing
from renzheng.models import packs
from renzheng.types import Floats, Image
from same_picture import TWICE, aslant, coded, mirrored, scaled, toned, turned

Chance = np.random.Generator


def cropped(image: Image, rng: Chance, share: float) -> Image:
    """So much less on either axis, from anywhere."""
    height, width = image.shape[:2]
    high, wide = round(height * (1 - share)), round(width * (1 - share))
    y, x = int(rng.integers(height - high + 1)), int(rng.integers(width - wide + 1))
    return np.ascontiguousarray(image[y : y + high, x : x + wide])


def framed(image: Image, rng: Chance) -> Image:
    """A uniform frame of 3 to 15 % of the width, as often of four widths as of one."""
    width = image.shape[1]
    colour = rng.integers(0, 256, 3) if rng.random() < 0.5 else [rng.choice((0, 255))] * 3
    sides = rng.uniform(0.03, 0.15, 4) if rng.random() < 0.5 else [rng.uniform(0.03, 0.15)]
    wide = [int(v * width) for v in np.broadcast_to(sides, 4)]
    value = [int(v) for v in colour]
    return cv2.copyMakeBorder(image, *wide, cv2.BORDER_CONSTANT, value=value)


def written_over(image: Image, rng: Chance) -> Image:
    """Three lines of text, some across the face."""
    image = image.copy()
    height, width = image.shape[:2]
    for colour in rng.integers(0, 256, (3, 3)):
        place = int(rng.uniform(0, 0.3) * width), int(rng.uniform(0.1, 0.95) * height)
        size = width / 400 * rng.uniform(0.8, 1.6)
        ink = [int(v) for v in colour]
        cv2.putText(image, "SPECIMEN 2026", place, 0, size, ink, 2, cv2.LINE_AA)
    return image


def pasted(image: Image, rng: Chance, other: Image) -> Image:
    """At a fifth of the area of somebody else's picture."""
    ground = cv2.resize(other, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    part = scaled(image, 0.9)
    high, wide = part.shape[:2]
    y = int(rng.integers(ground.shape[0] - high))
    x = int(rng.integers(ground.shape[1] - wide))
    ground[y : y + high, x : x + wide] = part
    return coded(ground, 60)


ALTERATIONS: dict[str, Callable[[Image, Chance, Image], Image]] = {
    "JPEG 30": lambda image, rng, other: coded(image, 30),
    "half the size": lambda image, rng, other: scaled(image, 0.5),
    "a fifth of the size": lambda image, rng, other: scaled(image, 0.2),
    "cropped by 10 %": lambda image, rng, other: cropped(image, rng, 0.1),
    "cropped by 30 %": lambda image, rng, other: cropped(image, rng, 0.3),
    "cropped by half": lambda image, rng, other: cropped(image, rng, 0.5),
    "framed": lambda image, rng, other: framed(image, rng),
    "framed, JPEG 50": lambda image, rng, other: coded(framed(image, rng), 50),
    "brightness, contrast, gamma": lambda image, rng, other: toned(image, rng),
    "mirrored": lambda image, rng, other: mirrored(image),
    "mirrored, cropped by 10 %": lambda image, rng, other: cropped(mirrored(image), rng, 0.1),
    "text over it": lambda image, rng, other: written_over(image, rng),
    "rotated by 2 to 8 degrees": lambda image, rng, other: turned(image, rng),
    "seen aslant, JPEG 70": lambda image, rng, other: coded(aslant(image, rng), 70),
    "cropped, mirrored, smaller, toned, JPEG 50": lambda image, rng, other: coded(
        toned(scaled(mirrored(cropped(image, rng, 0.1)), 0.7), rng), 50
    ),
    "right half another picture's": lambda image, rng, other: np.hstack(
        [image[:, : image.shape[1] // 2], other[:, image.shape[1] // 2 :]]
    ),
    "pasted into another picture": pasted,
}


def altered(path: Path, name: str, image: Image, other: Image) -> Image:
    rng = np.random.default_rng(zlib.crc32(f"{path.name} {name}".encode()))
    return np.ascontiguousarray(ALTERATIONS[name](image, rng, other))


def share(found: Sequence[bool]) -> str:
    part = Proportion.counted(np.array(found, bool))
    return f"{part.count / part.of:.4g} [{part.low:.2g}, {part.high:.2g}]"


def rate(count: int, of: int) -> str:
    if not of:
        return "none asked"
    part = Proportion.exact(count, of)
    return f"{count} of {of:,} ({part.count / part.of:.2g} [{part.low:.2g}, {part.high:.2g}])"


def hash_distances(prints: Sequence[similarity.Fingerprint]) -> np.ndarray:
    """Of all pairs: (n, n) bits, as `pictures.hash_distance`."""

    def signs(words: np.ndarray) -> Floats:
        return np.unpackbits(words.view(np.uint8), axis=1).astype(np.float32) * 2 - 1

    wholes = np.concatenate([signs(one.whole) for one in prints])
    starts = np.cumsum([0, *(len(one.whole) for one in prints[:-1])])
    bits = np.empty((len(prints), len(prints)), np.float32)
    for row, one in enumerate(prints):
        differing = (hashing.BITS - signs(one.views) @ wholes.T) / 2
        bits[row] = np.minimum.reduceat(differing.min(axis=0), starts)
    return np.minimum(bits, bits.T)


def same_and_near(
    data: Sequence[Path], people: Sequence[list[Path]], arguments: argparse.Namespace
):
    start = time.process_time()
    prints = [similarity.fingerprint(images.read(path)) for path in data]
    each = (time.process_time() - start) / len(data)
    bits = hash_distances(prints)[np.triu_indices(len(data), 1)]
    print(f"Hashes of strangers, {each * 1e3:.1f} ms a picture with reading: lowest", end=" ")
    print(
        f"{bits.min():.0f}, 1 in 10,000 up to {np.quantile(bits, 1e-4):.0f}, 1 in 1,000 up to",
        end=" ",
    )
    print(f"{np.quantile(bits, 1e-3):.0f} bits")
    for limit in (similarity.SAME_BITS, similarity.CANDIDATE_BITS):
        print(f"- up to {limit}: {rate(int((bits <= limit).sum()), len(bits))}")

    some = data[:: max(1, len(data) // arguments.altered)][: arguments.altered]
    start = time.process_time()
    local = {path: similarity.local_features(images.read(path)) for path in some}
    each = (time.process_time() - start) / len(some)
    print(f"\nLocal features take {each * 1e3:.1f} ms a picture with reading.\n")
    print("| altered | same by hash alone | candidate by hash | near-duplicate |", end=" ")
    print("same or near | agreement: lowest, 1 %, 5 %, median |")
    print("|---|---|---|---|---|---|")
    by_path = dict(zip(data, prints, strict=True))
    for name in ALTERATIONS:
        rows, agreements = [], []
        for k, path in enumerate(some):
            original = images.read(path)
            image = altered(path, name, original, images.read(some[k - 1]))
            distance = similarity.hash_distance(by_path[path], similarity.fingerprint(image))
            match = similarity.match_regions(local[path], similarity.local_features(image))
            rows.append(
                (distance <= similarity.SAME_BITS, distance <= similarity.CANDIDATE_BITS,
                 match.near_duplicate, distance <= similarity.SAME_BITS or match.near_duplicate)
            )  # fmt: skip
            if match.near_duplicate and match.matrix is not None:
                agreements.append(similarity.changes(original, image, match.matrix).agreement)
        cells = [share(column) for column in zip(*rows, strict=True)]
        cells.append(", ".join(f"{v:.2f}" for v in np.quantile(agreements, (0, 0.01, 0.05, 0.5))))
        print(f"| {name} | {' | '.join(cells)} |")

    strangers = [
        similarity.local_features(images.read(path)) for path in data[: arguments.strangers]
    ]
    start = time.process_time()
    found = [similarity.match_regions(a, b) for a, b in itertools.combinations(strangers, 2)]
    each = (time.process_time() - start) / len(found)
    flagged = sum(one.near_duplicate for one in found)
    print(f"\nRegions of strangers, {each * 1e3:.2f} ms a pair: near-duplicates", end=" ")
    print(f"{rate(flagged, len(found))}; most features that agree: {max(m.inliers for m in found)}")

    of_one, twice, deadline = [], [], time.monotonic() + arguments.seconds
    for paths in people:
        if time.monotonic() > deadline:
            break
        seen = [images.read(path) for path in paths[:14]]
        features = [similarity.local_features(image) for image in seen]
        marks = [similarity.fingerprint(image) for image in seen]
        for i, j in itertools.combinations(range(len(seen)), 2):
            pair = paths[i].stem, paths[j].stem
            match = similarity.match_regions(features[i], features[j])
            distance = similarity.hash_distance(marks[i], marks[j])
            (twice if pair in TWICE else of_one).append((distance, match, pair))
    print(f"\nOne person's other photographs: {len(of_one):,} pairs")
    for what, mask in (
        ("same by hash alone", [d <= similarity.SAME_BITS for d, _, _ in of_one]),
        ("near-duplicates", [m.near_duplicate for _, m, _ in of_one]),
        ("candidate by hash and near-duplicate",
         [m.near_duplicate and d <= similarity.CANDIDATE_BITS for d, m, _ in of_one]),
    ):  # fmt: skip
        print(f"- {what}: {rate(sum(mask), len(mask))}")
    for distance, match, pair in of_one:
        if match.near_duplicate or distance <= similarity.SAME_BITS:
            print(f"  {' '.join(pair)}: {distance} bits, {match.inliers} features", end=" ")
            print(f"({match.share:.0%}, {match.density:.0%})")
    both = [d <= similarity.SAME_BITS for d, _, _ in twice], [m.near_duplicate for _, m, _ in twice]
    print(f"Held twice: {len(twice)} pairs, {sum(both[0])} same by hash, {sum(both[1])} near")


def cards(data: Sequence[Path]) -> None:
    """Of four people in every layout: what two cards of one layout have in common."""
    verifier, portraits = Verifier(threads=1), []
    for path in data:
        image = images.read(path)
        faces = verifier.detect(image)
        if faces and len(portraits) < 4:
            portraits.append((image, faces[0]))
    print("\n| two cards of one layout | bits | near-duplicates | agreement |\n|---|---|---|---|")
    for layout in specimens.LAYOUTS:
        drawn = [
            specimens.make(image, face, layout=layout, seed=seed).image
            for seed, (image, face) in enumerate(portraits)
        ]
        bits, near, agreements = [], 0, []
        for a, b in itertools.combinations(drawn, 2):
            match = similarity.match_regions(
                similarity.local_features(a), similarity.local_features(b)
            )
            bits.append(
                similarity.hash_distance(similarity.fingerprint(a), similarity.fingerprint(b))
            )
            near += match.near_duplicate
            if match.matrix is not None:
                agreements.append(similarity.changes(a, b, match.matrix).agreement)
        print(f"| {layout} | {min(bits)} to {max(bits)} | {near} of {len(bits)} |", end=" ")
        print(f"{min(agreements):.2f} to {max(agreements):.2f} |")


LAYERS = ("block6.relu2", "block9.relu2", "block12.relu2", "block13.relu2")


class Layers:
    """Features of several layers of dlib's network, with and without the place they come from."""

    def __init__(self) -> None:
        import onnx

        model = onnx.load(str(packs.load("dlib-resnet").file("embedder.onnx")))
        for name in LAYERS:
            info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            model.graph.output.append(info)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._mean = np.array(packs.definition("dlib-resnet")["input"]["mean"], np.float32)

    def __call__(self, seen: Sequence[Image]) -> dict[str, Floats]:
        found: dict[str, list[Floats]] = {}
        for image in seen:
            how = cv2.INTER_AREA if min(image.shape[:2]) > 150 else cv2.INTER_LINEAR
            square = cv2.resize(image, (150, 150), interpolation=how).astype(np.float32)
            one = ((square - self._mean) / 256).transpose(2, 0, 1)[None]
            batch = np.ascontiguousarray(np.concatenate([one, one[..., ::-1]]))
            embedding, *maps = self._session.run(None, {"crops": batch})
            found.setdefault("its 128-d embedding", []).append(embedding.mean(axis=0))
            for name, values in zip(LAYERS, maps, strict=True):
                middle = values.mean(axis=0)
                count = int(name.removeprefix("block").split(".")[0]) + 1
                words = f"{count} of 14 blocks"
                found.setdefault(f"{words}, mean", []).append(middle.mean(axis=(1, 2)))
                if middle.shape[1] > 4:
                    high = middle.shape[1] // 2
                    parts = [middle[:, y : y + high, x : x + high].mean(axis=(1, 2))
                             for y in (0, high) for x in (0, high)]  # fmt: skip
                    found.setdefault(f"{words}, quarters", []).append(np.concatenate(parts))
        return {name: unit(np.array(rows)) for name, rows in found.items()}


def unit(rows: np.ndarray) -> Floats:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def floors(seen: Sequence[Image]) -> dict[str, Floats]:
    thumbs, histograms = [], []
    for image in seen:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        thumb = cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).ravel().astype(np.float32)
        thumbs.append(thumb - thumb.mean())
        counts = cv2.calcHist([image], [0, 1, 2], None, [6, 6, 6], [0, 256] * 3).ravel()
        histograms.append(np.sqrt(counts))
    return {"floor: grey 16 x 16": unit(np.array(thumbs)),
            "floor: colour histogram": unit(np.array(histograms))}  # fmt: skip


def look_alikes(
    data: Sequence[Path], people: Sequence[list[Path]], arguments: argparse.Namespace
) -> None:
    layers, network = Layers(), similarity.Features(threads=1)

    def described(seen: Sequence[Image]) -> dict[str, Floats]:
        seen = [np.ascontiguousarray(image) for image in seen]
        return {"dlib-features": network.describe(seen), **layers(seen), **floors(seen)}

    seen = [images.read(path) for path in data]
    stored = described(seen)
    index = np.arange(0, len(data), max(1, len(data) // arguments.altered))[: arguments.altered]
    table: dict[str, dict[str, float]] = {name: {} for name in stored}

    def ask(what: str, queries: dict[str, Floats], keys: dict[str, Floats], right: np.ndarray):
        for name, rows in queries.items():
            table[name][what] = float(((rows @ keys[name].T).argmax(axis=1) == right).mean())

    distances: dict[str, np.ndarray] = {}
    for name in ALTERATIONS:
        queries = described([altered(data[k], name, seen[k], seen[k - 1]) for k in index])
        ask(name, queries, stored, index)
        rows = queries["dlib-features"] - stored["dlib-features"][index]
        distances[name] = np.linalg.norm(rows, axis=1)
    halves = [described([image[:, part] for image in seen]) for part in
              (slice(None, seen[0].shape[1] // 2), slice(seen[0].shape[1] // 2, None))]  # fmt: skip
    ask("left half finds right half", halves[0], halves[1], np.arange(len(data)))
    two = [described([images.read(paths[k]) for paths in people[:1000]]) for k in (0, 1)]
    ask("another photograph of the person, of 1,000", two[0], two[1], np.arange(len(people[:1000])))

    names = list(table)
    print(f"\n| recall at 1 of {len(data):,} | {' | '.join(names)} |")
    print(f"|---{'|---' * len(names)}|")
    for what in next(iter(table.values())):
        print(f"| {what} | {' | '.join(f'{table[name][what]:.3f}' for name in names)} |")
    rows = stored["dlib-features"].astype(np.float64)
    apart = np.sqrt(np.maximum(2 - 2 * rows @ rows.T, 0))[np.triu_indices(len(rows), 1)]
    print("\ndlib-features, distance of strangers:", end=" ")
    print(", ".join(f"1 in {n:,}: {np.quantile(apart, 1 / n):.4f}" for n in (2, 100, 1000, 10000)))
    limit = network.threshold
    if limit is not None:
        print(f"up to {limit}: strangers {rate(int((apart <= limit).sum()), len(apart))},", end=" ")
        other = np.linalg.norm(two[0]["dlib-features"] - two[1]["dlib-features"], axis=1)
        print(f"one person's first two photographs {share(other <= limit)}")
        for name, values in distances.items():
            print(f"- {name}: {share(values <= limit)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="LFW")
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--altered", type=int, default=500)
    parser.add_argument("--strangers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=300)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    folders = sorted(p for p in (arguments.data / "lfw-deepfunneled").iterdir() if p.is_dir())
    order = np.random.default_rng(3).permutation(len(folders))[: arguments.people]
    data = [sorted(folders[k].glob("*.jpg"))[0] for k in order]
    several = [sorted(folder.glob("*.jpg")) for folder in folders]
    several = [paths for paths in several if len(paths) > 1]
    same_and_near(data, several, arguments)
    cards(data[:10])
    look_alikes(data, several, arguments)


if __name__ == "__main__":
    main()
