"""Faces that are cut off by the frame: does a promised false match rate still hold?

    python benchmarks/cut_close.py --assets ASSETS [--pictures 320]

East Asian women, one picture of each (SCUT-FBP5500), cut alike: closely all round, at one side, or
below. Of each cut: the share of the aligned crop that lies in the picture, in how many a landmark
lies outside it, how far embeddings move from those of the whole pictures, and the share of pairs of
different people within the distance at which the default pack promises a false match rate of 1e-4.
It is where `renzheng.verification.findings` takes its limits from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from renzheng import Face, Verifier, images
from renzheng.faces import alignment
from renzheng.faces.selection import choose_face

CUTS = {
    "all round": (0.9, 0.8, 0.7, 0.6, 0.5, 0.4),
    "at a side": (0.8, 0.7, 0.6, 0.5),
    "below": (0.8, 0.7, 0.6),
}
SAME = 0.4  # nearer pairs are one photograph under two names


def cut(
    image: np.ndarray, face: Face, template: alignment.AlignmentTemplate, how: str, share: float
):
    """The part of a picture in which this share of its aligned crop lies."""
    side = template.size - 0.5
    corners = np.array([(-0.5, -0.5), (side, -0.5), (side, side), (-0.5, side)])
    matrix = alignment.umeyama(face.landmarks, template.points)
    corners = alignment.to_image(matrix, corners)
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    height, width = image.shape[:2]
    if how == "all round":
        keep = (1 - share**0.5) / 2
        box = (
            *(x1 + (x2 - x1) * keep, y1 + (y2 - y1) * keep),
            *(x2 - (x2 - x1) * keep, y2 - (y2 - y1) * keep),
        )
    elif how == "at a side":
        box = (0, 0, x1 + (x2 - x1) * share, height)
    else:
        box = (0, 0, width, y1 + (y2 - y1) * share)
    left, top = (max(round(v), 0) for v in box[:2])
    right, bottom = min(round(box[2]), width), min(round(box[3]), height)
    return np.ascontiguousarray(image[top:bottom, left:right])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=320)
    arguments = parser.parse_args()
    verifier = Verifier()
    template = verifier.face_models.template
    assert verifier.calibration is not None
    threshold = verifier.calibration.threshold_at(1e-4)

    def look(image: np.ndarray) -> tuple[Face, np.ndarray] | None:
        faces = verifier.face_models.detect(image)
        if not faces:
            return None
        face = choose_face(faces, image.shape[1::-1])
        crop = alignment.align(image, face.landmarks, template)
        return face, verifier.embed_crops(crop[None])[0]

    def within(rows: np.ndarray) -> str:
        upper = np.triu_indices(len(rows), 1)
        distance = np.sqrt(np.maximum(2 - 2 * (rows @ rows.T), 0))[upper]
        distance = distance[distance > SAME]
        count = int((distance <= threshold).sum())
        return f"{count / len(distance):.1e} ({count})"

    paths = sorted((arguments.assets / "asian" / "AF").iterdir())
    paths = paths[:: max(1, len(paths) // arguments.pictures)][: arguments.pictures]
    whole = [(image, found) for image in map(images.read, paths) if (found := look(image))]
    print(f"{'cut':<16}{'found':>6}{'seen':>18}{'outside':>9}{'moved':>7}{'FMR':>15}")
    rows = np.stack([row for _, (_, row) in whole])
    print(f"{'not at all':<16}{len(whole):>6}{'':>18}{'':>9}{'':>7}{within(rows):>15}")
    for how, shares in CUTS.items():
        for share in shares:
            seen, outside, moved, kept = [], [], [], []
            for image, (face, row) in whole:
                part = cut(image, face, template, how, share)
                found = look(part)
                if found is None:
                    continue
                points = found[0].landmarks
                last = (part.shape[1] - 1, part.shape[0] - 1)
                seen.append(alignment.visible_share(part, points, template))
                outside.append(bool(((points < 0) | (points > last)).any()))
                moved.append(float(np.linalg.norm(found[1] - row)))
                kept.append(found[1])
            low, middle, high = np.percentile(seen, (5, 50, 95))
            told = f"{middle:.2f} [{low:.2f}, {high:.2f}]"
            print(
                f"{how + f' {share:g}':<16}{len(kept):>6}{told:>18}{np.mean(outside):>9.0%}"
                f"{np.median(moved):>7.2f}{within(np.stack(kept)):>15}"
            )


if __name__ == "__main__":
    main()
