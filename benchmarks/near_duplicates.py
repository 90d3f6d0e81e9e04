"""Duplicates among 16,000 pictures: what `renzheng duplicates` finds, and what imagededup does.

    python benchmarks/near_duplicates.py make --data LFW/lfw-deepfunneled --work FOLDER
    python benchmarks/near_duplicates.py find --work FOLDER [--workers N]
    python benchmarks/near_duplicates.py encode --work FOLDER     (where imagededup is installed)
    python benchmarks/near_duplicates.py table --work FOLDER
    python benchmarks/near_duplicates.py time --data LFW/lfw-deepfunneled --work FOLDER --workers N
    python benchmarks/near_duplicates.py search [--pictures N]

`make` writes 2,000 pictures of LFW, drawn by chance, and seven versions of each. `find` runs the
command on all of them, `encode` imagededup's hashes, and `table` compares: a pair is one original
with one version of the named kind, right if the version is of that original or of a photograph that
LFW holds twice. Recall and precision are over all 4 million pairs of a kind. imagededup's threshold
is swept, and its best recall at a precision no lower than the command's is shown. `time` measures
the command on all of LFW, `search` the search by hashes alone, beside faiss.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

ORIGINALS = 2000
METHODS = ("PHash", "DHash", "AHash", "WHash")

Chance = np.random.Generator
Pixels = np.ndarray  # uint8 (h, w, 3) BGR


def halved(image: Pixels, rng: Chance) -> Pixels:
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def cropped(image: Pixels, rng: Chance) -> Pixels:
    """A tenth of the width and of the height is cut off, on whichever sides."""
    height, width = image.shape[:2]
    high, wide = round(0.9 * height), round(0.9 * width)
    top, left = rng.integers(0, height - high + 1), rng.integers(0, width - wide + 1)
    return image[top : top + high, left : left + wide]


def framed(image: Pixels, rng: Chance) -> Pixels:
    wide = round(image.shape[1] * rng.uniform(0.04, 0.12))
    colour = [int(v) for v in rng.integers(0, 256, 3)]
    return cv2.copyMakeBorder(image, wide, wide, wide, wide, cv2.BORDER_CONSTANT, value=colour)


def toned(image: Pixels, rng: Chance) -> Pixels:
    factor = float(rng.choice((rng.uniform(0.5, 0.8), rng.uniform(1.2, 1.6))))
    return np.clip(image.astype(np.float32) * factor + 0.5, 0, 255).astype(np.uint8)


def mirrored(image: Pixels, rng: Chance) -> Pixels:
    return image[:, ::-1]


def written_over(image: Pixels, rng: Chance) -> Pixels:
    image = image.copy()
    height, width = image.shape[:2]
    for words in ("SPECIMEN 2026", "do not copy"):
        place = int(rng.uniform(0, 0.3) * width), int(rng.uniform(0.15, 0.95) * height)
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        cv2.putText(image, words, place, 0, width / 330, colour, 2, cv2.LINE_AA)
    return image


VERSIONS: dict[str, tuple[int, Callable[[Pixels, Chance], Pixels]]] = {  # JPEG's quality, what
    "JPEG 30": (30, lambda image, rng: image),
    "half the size": (90, halved),
    "cropped by 10 %": (90, cropped),
    "framed": (90, framed),
    "brighter or darker": (90, toned),
    "mirrored": (90, mirrored),
    "text over it": (90, written_over),
}


def folder(kind: str) -> str:
    return kind.replace(" ", "-").replace("%", "percent")


def make(arguments: argparse.Namespace) -> None:
    paths = sorted(arguments.data.glob("*/*.jpg"))
    rng = np.random.default_rng(0)
    drawn = sorted(rng.choice(len(paths), ORIGINALS, replace=False))
    root = arguments.work / "pictures"
    for kind in ("original", *map(folder, VERSIONS)):
        (root / kind).mkdir(parents=True, exist_ok=True)
    for path in (paths[k] for k in drawn):
        content = path.read_bytes()
        (root / "original" / path.name).write_bytes(content)
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        for kind, (quality, change) in VERSIONS.items():
            own = np.random.default_rng(zlib.crc32(f"{path.name} {kind}".encode()))
            changed = np.ascontiguousarray(change(image, own))
            cv2.imwrite(
                str(root / folder(kind) / path.name), changed, [cv2.IMWRITE_JPEG_QUALITY, quality]
            )


def run(arguments: argparse.Namespace, place: Path, store: Path, workers: int) -> dict:
    """The installed command, with what it took."""
    store.unlink(missing_ok=True)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "renzheng", "duplicates", str(place), "--json",
         "--store", str(store), "--workers", str(workers)],
        stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    result = json.loads(done.stdout)
    result["seconds"] = time.perf_counter() - start
    result["store_bytes"] = store.stat().st_size
    # of the largest of the processes: the command itself or one of its workers
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result["peak_mib"] = used.ru_maxrss / 1024
    result["processor_seconds"] = used.ru_utime + used.ru_stime
    return result


def find(arguments: argparse.Namespace) -> None:
    result = run(
        arguments, arguments.work / "pictures", arguments.work / "store.sqlite3", arguments.workers
    )
    (arguments.work / "found.json").write_text(json.dumps(result))
    print(f"{result['pictures']} pictures, {len(result['groups'])} groups,", end=" ")
    print(f"{result['seconds']:.0f} s, {result['peak_mib']:.0f} MiB")


def encode(arguments: argparse.Namespace) -> None:
    from imagededup import methods

    codes = {}
    for name in METHODS:
        method = getattr(methods, name)()
        for kind in ("original", *map(folder, VERSIONS)):
            place = arguments.work / "pictures" / kind
            encoded = method.encode_images(str(place), num_enc_workers=0)
            codes[f"{name} {kind}"] = [encoded[key] for key in sorted(encoded)]
    np.savez(arguments.work / "imagededup.npz", **codes)
    try:
        methods.CNN()
        print("CNN: its weights are here; it is not measured by this script")
    except Exception as error:
        print(f"CNN: cannot run here: {type(error).__name__}: {error}")


def truth(names: list[str]) -> np.ndarray:
    """bool (n, n): which originals are one photograph."""
    from same_picture import TWICE

    same = np.eye(len(names), dtype=bool)
    at = {name.removesuffix(".jpg"): k for k, name in enumerate(names)}
    for one, other in TWICE:
        if one in at and other in at:
            same[at[one], at[other]] = same[at[other], at[one]] = True
    return same


def found_pairs(result: dict, names: list[str]) -> dict[str, np.ndarray]:
    """By kind, bool (originals, versions): which lie in one group."""
    at = {name: k for k, name in enumerate(names)}
    pairs = {kind: np.zeros((len(names), len(names)), bool) for kind in VERSIONS}
    kind_of = {folder(kind): kind for kind in VERSIONS}
    for group in result["groups"]:
        paths = [Path(one["path"]) for one in (group["keep"], *group["members"])]
        originals = [at[path.name] for path in paths if path.parent.name == "original"]
        for path in paths:
            if path.parent.name != "original":
                pairs[kind_of[path.parent.name]][originals, at[path.name]] = True
    return pairs


def distances(codes: np.lib.npyio.NpzFile, method: str, kind: str) -> np.ndarray:
    one, other = (
        np.array([int(code, 16) for code in codes[f"{method} {name}"]], np.uint64)
        for name in ("original", folder(kind))
    )
    return np.bitwise_count(one[:, None] ^ other[None])


def rates(pairs: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    right = int((pairs & same).sum())
    # A version is found if its own original is; the other half of a pair held twice is a bonus.
    recall = float(np.diagonal(pairs).mean())
    return recall, right / max(1, int(pairs.sum()))


def table(arguments: argparse.Namespace) -> None:
    names = sorted(p.name for p in (arguments.work / "pictures" / "original").glob("*.jpg"))
    same = truth(names)
    result = json.loads((arguments.work / "found.json").read_text())
    pairs = found_pairs(result, names)
    codes = np.load(arguments.work / "imagededup.npz")
    print(f"Recall (threshold) at the precision of the command or higher; {len(names)} originals\n")
    print(f"| version | precision | renzheng | {' | '.join(METHODS)} |")
    print(f"|---|---|---|{'---|' * len(METHODS)}")
    for kind in VERSIONS:
        recall, precision = rates(pairs[kind], same)
        cells = []
        for method in METHODS:
            far = distances(codes, method, kind)
            swept = [(*rates(far <= t, same), t) for t in range(33)]
            fit = [(r, t) for r, p, t in swept if p >= precision]
            best = max(fit, key=lambda one: (one[0], -one[1]), default=None)
            cells.append("none" if best is None else f"{best[0]:.2%} ({best[1]})")
        print(f"| {kind} | {precision:.3%} | {recall:.2%} | {' | '.join(cells)} |")
    print("\nThe same at imagededup's own threshold, 10: recall, precision\n\n| version |", end="")
    print(f" {' | '.join(METHODS)} |\n|---|{'---|' * len(METHODS)}")
    for kind in VERSIONS:
        cells = []
        for method in METHODS:
            recall, precision = rates(distances(codes, method, kind) <= 10, same)
            cells.append(f"{recall:.2%}, {precision:.2%}")
        print(f"| {kind} | {' | '.join(cells)} |")
    wrong = {
        tuple(sorted((names[i], names[j])))
        for kind in VERSIONS
        for i, j in zip(*np.nonzero(pairs[kind] & ~same), strict=True)
    }
    print(f"\n{len(wrong)} pairs of different photographs share a group:")
    for one, other in sorted(wrong):
        print(f"  {one} {other}")


def timing(arguments: argparse.Namespace) -> None:
    result = run(arguments, arguments.data, arguments.work / "time.sqlite3", arguments.workers)
    count = result["pictures"]
    print(f"{arguments.workers} workers: {count} pictures in {result['seconds']:.0f} s,", end=" ")
    print(f"{count / result['seconds']:.0f} a second;", end=" ")
    print(f"{1e3 * result['processor_seconds'] / count:.1f} ms of a processor each;", end=" ")
    print(f"{result['peak_mib']:.0f} MiB at most,", end=" ")
    print(f"store {result['store_bytes'] / 2**20:.0f} MiB; {result['groups_by_kind']}")


def search(arguments: argparse.Namespace) -> None:
    """Random hashes of 256 bits: nothing is near, which is the usual case."""
    import faiss

    from renzheng.images.duplicates.hash_search import HashIndex

    count, views = arguments.pictures, 20
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, (count, views, 4), np.uint64)
    index = HashIndex(list(hashes[:, :1]), list(hashes))
    part = 320
    start = time.process_time()
    for at in range(0, part, 16):
        index.near(range(at, at + 16), 0, 82)
    spent = (time.process_time() - start) * count / part / 2  # later pictures only: half of it
    print(f"Processor time, all {count} pictures with {views} views:\nnumpy: {spent:.0f} s")
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexBinaryFlat(256)
    flat.add(np.ascontiguousarray(hashes[:, 0]).view(np.uint8))
    asked = np.ascontiguousarray(hashes[:part].reshape(-1, 4)).view(np.uint8)
    start = time.process_time()
    flat.range_search(asked, 83)
    print(f"faiss IndexBinaryFlat: {(time.process_time() - start) * count / part:.0f} s")
    many = faiss.IndexBinaryMultiHash(256, 16, 16)
    many.add(np.ascontiguousarray(hashes[:, 0]).view(np.uint8))
    for flips in (0, 1):
        many.nflip = flips
        start = time.process_time()
        many.range_search(asked[:640], 83)
        spent = (time.process_time() - start) * count * views / 640
        print(f"faiss IndexBinaryMultiHash, 16 x 16 bits, {flips} flips: {spent:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = {"make": make, "find": find, "encode": encode, "table": table, "time": timing,
             "search": search}  # fmt: skip
    parser.add_argument("step", choices=steps)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("near-duplicates"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=50_000)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    steps[arguments.step](arguments)


if __name__ == "__main__":
    main()
