"""Are small faces found as well by the shortcuts as without them, and by facenet-pytorch?

    python benchmarks/small_faces.py --assets ../shared/assets [--people 2400]

Pictures of LFW, each of another person, are reduced and put together by eight, so that the whole
pyramid down to faces of 20 px is at work. LFW's pictures have their person in the middle: a box
there is a find, at most one a picture; all others are bystanders and false ones, and counted.
facenet-pytorch joins where it is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from detection import peer
from renzheng import images
from renzheng.faces.detection import Detector
from renzheng.faces.detection.pyramid import area
from renzheng.models import packs

SIDES = (52, 60, 70, 80, 95, 110)  # px of a picture; its face is about 0.4 of that
ACROSS, DOWN = 4, 2

Boxes = Callable[[np.ndarray], np.ndarray]


def canvases(pictures: Sequence[np.ndarray], side: int) -> list[np.ndarray]:
    """The pictures in rows of four and columns of two, as many as fill canvases."""
    many = ACROSS * DOWN
    made = []
    for first in range(0, len(pictures) - many + 1, many):
        small = [area(picture, side, side) for picture in pictures[first : first + many]]
        rows = [np.hstack(small[row * ACROSS : (row + 1) * ACROSS]) for row in range(DOWN)]
        made.append(np.vstack(rows))
    return made


def count(boxes: Boxes, made: Sequence[np.ndarray], side: int) -> tuple[int, int]:
    """How many pictures show their person, and how many other boxes there are."""
    found = others = 0
    for canvas in made:
        seen = set()
        for x1, y1, x2, y2 in boxes(canvas):
            column, across = divmod((x1 + x2) / 2 / side, 1)
            row, down = divmod((y1 + y2) / 2 / side, 1)
            middle = abs(across - 0.5) < 0.12 and abs(down - 0.5) < 0.15
            if middle and 0.2 < (x2 - x1) / side < 0.65:
                seen.add((column, row))
            else:
                others += 1
        found += len(seen)
    return found, others


def ours(exact: bool) -> Boxes:
    detector = Detector.from_folder(packs.load("mtcnn").folder, exact=exact)
    return lambda canvas: np.array([face.box for face in detector.detect(canvas)]).reshape(-1, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--people", type=int, default=2400)
    arguments = parser.parse_args()
    paths = sorted((arguments.assets / "lfw" / "lfw-deepfunneled").glob("*/*_0001.jpg"))
    chosen = paths[:: max(1, len(paths) // arguments.people)][: arguments.people]
    pictures = [images.read(path) for path in chosen]
    sides = {"exact": ours(True), "default": ours(False)}
    if find_spec("facenet_pytorch"):
        theirs = peer()
        sides["facenet-pytorch"] = lambda canvas: theirs(canvas)[0]
    print(f"{'px a picture':<14}{'pictures':>9}" + "".join(f"{name:>18}" for name in sides))
    for side in SIDES:
        made = canvases(pictures, side)
        told = [", ".join(map(str, count(boxes, made, side))) for boxes in sides.values()]
        print(f"{side:<14}{len(made) * ACROSS * DOWN:>9}" + "".join(f"{one:>18}" for one in told))


if __name__ == "__main__":
    main()
