"""Draw docs/specimens.jpg: specimen documents with a portrait in the public domain.

    pip install '.[demo]' && python docs/specimens.py docs/specimens.jpg

The portrait is NASA's of Eileen Collins, as scikit-image carries it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from renzheng import Verifier
from renzheng.datasets import demo, specimens

HEIGHT, GAP, WIDTH = 260, 8, 1400
ROWS = (
    (("id1-left", "none"), ("id1-right", "none"), ("residence", "none"), ("licence", "none")),
    (
        ("id1-plain", "scan-300"),
        ("passport", "photo"),
        ("residence", "moire"),
        ("passport", "none"),
    ),
    (
        ("licence", "laminate-glare"),
        ("id1-left", "photocopy"),
        ("id1-right", "two-tone"),
        ("id1-left", "worn"),
    ),
)


def main(out: Path) -> None:
    portrait = demo.original()
    face = Verifier().detect(portrait)[0]
    rows, seed = [], 0
    for row in ROWS:
        tiles = []
        for layout, capture in row:
            seed += 1
            card = specimens.make(portrait, face, layout=layout, seed=seed)
            image = specimens.CAPTURES[capture].apply(card, seed).image
            width = round(image.shape[1] * HEIGHT / image.shape[0])
            tile = cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_AREA)
            tiles.append(np.pad(tile, ((GAP, 0), (GAP, 0), (0, 0)), constant_values=255))
        whole = np.hstack(tiles)
        height = round(whole.shape[0] * WIDTH / whole.shape[1])
        rows.append(cv2.resize(whole, (WIDTH, height), interpolation=cv2.INTER_AREA))
    sheet = np.vstack(rows)
    cv2.imwrite(str(out), sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
