"""How often a detector finds the main portrait of specimen documents, by capture and by layout.

    python benchmarks/specimens.py --data ../shared/assets/lfw

A person's first picture in LFW is printed on a card, whose layouts take turns, and captured in
every way (one seed a person). The largest face found must have its centre inside the main portrait.
Whoever has no face in the photograph itself is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from renzheng import Verifier, images, specimens
from renzheng.choosing import choose_face
from renzheng.types import Face


def on_portrait(face: Face, portrait: np.ndarray) -> bool:
    x, y = (float(v) for v in (face.box[:2] + face.box[2:]) / 2)
    return cv2.pointPolygonTest(portrait, (x, y), False) >= 0


def measure(data: Path, count: int, sizes: tuple[int, ...], layouts: list[str], cards: int) -> dict:
    people = sorted(p for p in (data / "lfw-deepfunneled").iterdir() if p.is_dir())
    chosen = np.random.default_rng(0).permutation(len(people))[:count]
    detectors = {size: Verifier(min_face_size=size, threads=1) for size in sizes}
    outcomes = defaultdict(list)
    seconds = defaultdict(list)
    for seed, index in enumerate(chosen):
        path = sorted(people[index].iterdir())[0]
        image = images.read(path)
        faces = detectors[sizes[0]].detect(image)
        if not faces:
            continue
        face = choose_face(faces, (image.shape[1], image.shape[0]))
        for turn in range(cards):
            layout = layouts[(seed * cards + turn) % len(layouts)]
            card = specimens.make(image, face, layout=layout, seed=seed)
            for name, capture in specimens.CAPTURES.items():
                start = time.perf_counter()
                taken = capture.apply(card, seed)
                seconds[name, layout].append(time.perf_counter() - start)
                for size, detector in detectors.items():
                    found = detector.detect(taken.image)
                    verdict = (
                        "none"
                        if not found
                        else "portrait"
                        if on_portrait(found[0], taken.portrait)
                        else "ghost"
                        if taken.ghost is not None and on_portrait(found[0], taken.ghost)
                        else "elsewhere"
                    )
                    also = any(on_portrait(f, taken.portrait) for f in found)
                    outcomes[f"{size}", name, layout].append((verdict, also))
        if seed % 10 == 9:
            print(f"{seed + 1} people", file=sys.stderr)
    return {
        "outcomes": [[*key, *row] for key, rows in outcomes.items() for row in rows],
        "seconds": [[*key, float(np.median(each))] for key, each in seconds.items()],
    }


def table(outcomes: list, column: int, title: str) -> None:
    sizes = sorted({row[0] for row in outcomes}, key=int)
    print(f"\n| {title} | cards | " + " | ".join(f"{s} px | ghost | none" for s in sizes) + " |")
    print("|---" * (2 + 3 * len(sizes)) + "|")
    for name in dict.fromkeys(row[column] for row in outcomes):
        cells = []
        for size in sizes:
            verdicts = [row[3] for row in outcomes if row[0] == size and row[column] == name]
            cells += [
                f"{100 * verdicts.count(v) / len(verdicts):.1f} %"
                for v in ("portrait", "ghost", "none")
            ]
        print(f"| {name} | {len(verdicts)} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of LFW")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--min-face-size", type=int, nargs="+", default=[20, 40])
    parser.add_argument("--layout", nargs="+", default=list(specimens.LAYOUTS))
    parser.add_argument("--cards", type=int, default=1, metavar="N", help="layouts a person")
    parser.add_argument("--out", type=Path, help="keep the outcomes as JSON")
    options = parser.parse_args()
    result = measure(
        options.data, options.people, tuple(options.min_face_size), options.layout, options.cards
    )
    if options.out:
        options.out.write_text(json.dumps(result))
    table(result["outcomes"], 1, "capture")
    table(result["outcomes"], 2, "layout")
    print("\n| capture | layout | median ms |\n|---|---|---|")
    for name, layout, each in result["seconds"]:
        print(f"| {name} | {layout} | {1000 * each:.0f} |")


if __name__ == "__main__":
    main()
