"""Rectification of a flat document: the perspective of the camera is removed."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.types import Image

Corners = npt.NDArray[np.float64]  # (4, 2) xy: top left, top right, bottom right, bottom left
Homography = npt.NDArray[np.float64]  # (3, 3): pixels of one picture to pixels of another

_MARGIN = 0.04  # of the width, kept around the document, since portraits may touch its edge
_UNEVEN, _BENT = 0.015, 1.0  # log of the ratio of opposite sides; degrees from a right angle
_MAX_SIDE = 1600  # px: a card at 470 dpi


def flatten(image: Image, corners: Corners, ratio: float) -> tuple[Image, Homography]:
    """Rectify a document: show it as if seen straight from above, with a narrow margin.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    corners
        The corners of the document in the picture.
    ratio
        The true width over height of the document.

    Returns
    -------
    uint8 (h, w, 3) RGB, float64 (3, 3)
        The rectified picture, at most 1,600 px on the longer side and otherwise as fine as the
        finest part of the document in the picture; and the homography from the picture to it.
    """
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    width = max(sides[0], sides[2], ratio * sides[1], ratio * sides[3])
    width = max(width * min(1.0, _MAX_SIDE / max(width, width / ratio)), 16.0)
    height = width / ratio
    edge = round(_MARGIN * max(width, height))
    right, bottom = edge + width - 1, edge + height - 1
    target = np.array([(edge, edge), (right, edge), (right, bottom), (edge, bottom)])
    matrix = np.asarray(
        cv2.getPerspectiveTransform(corners.astype(np.float32), target.astype(np.float32)),
        np.float64,
    )
    size = round(width) + 2 * edge, round(height) + 2 * edge
    # Linear sampling skips pixels where the picture is finer than the result: average first.
    factor = int(max(sides[0], sides[2]) / width)
    source, finer = image, np.eye(3)
    if factor > 1:
        shrunk = max(1, image.shape[1] // factor), max(1, image.shape[0] // factor)
        source = np.asarray(cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA), np.uint8)
        x, y = image.shape[1] / shrunk[0], image.shape[0] / shrunk[1]
        # pixel centres are at whole numbers
        finer = np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
    flat = cv2.warpPerspective(
        source, matrix @ finer, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, np.uint8), matrix


def tilted(corners: Corners) -> bool:
    """Return whether there is perspective to remove: the corners are not those of a rectangle.

    A turn in the picture's plane does not count, since aligning the face undoes it.

    Parameters
    ----------
    corners
        float64 (4, 2) xy, in order around.
    """
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*sides.T)
    angles = np.degrees(np.arctan2(sides[:, 1], sides[:, 0]))
    bends = (np.roll(angles, -1) - angles + 180) % 360 - 180
    uneven = max(abs(float(np.log(lengths[k] / lengths[k + 2]))) for k in (0, 1))
    return bool(uneven > _UNEVEN or np.abs(np.abs(bends) - 90).max() > _BENT)


def true_ratio(corners: Corners, size: tuple[int, int]) -> float:
    """Return width over height of a rectangle, from its corners in a picture.

    Parameters
    ----------
    corners
        float64 (4, 2) xy: top left, top right, bottom right, bottom left.
    size
        Width and height of the picture; the camera's axis is assumed to meet its centre.

    Returns
    -------
    float
        NaN if three of the corners lie on a line.

    Notes
    -----
    Zhang and He, "Whiteboard scanning and image enhancement", 2007, section 3: two pairs of
    parallel sides at right angles determine the focal length and with it the ratio.
    """
    centred = corners - (np.asarray(size, np.float64) - 1) / 2
    m1, m2, m4, m3 = (np.array((x, y, 1.0)) for x, y in centred / max(size))
    across = np.cross(m1, m4)
    volumes = np.cross(m2, m4) @ m3, np.cross(m3, m4) @ m2
    if min(abs(across @ m2), abs(across @ m3), *(abs(volume) for volume in volumes)) < 1e-9:
        return float("nan")
    k2, k3 = (across @ m3) / volumes[0], (across @ m2) / volumes[1]
    n2, n3 = k2 * m2 - m1, k3 * m3 - m1
    flat = float(np.hypot(*n2[:2]) / np.hypot(*n3[:2]))
    product = n2[2] * n3[2]
    if abs(product) < 1e-4:  # sides nearly parallel to the picture: no perspective to speak of
        return flat
    focal_squared = -(n2[:2] @ n3[:2]) / product
    # Cameras have a field of view of 20 to 100 degrees; outside that the corners are not exact.
    if not 0.4**2 < focal_squared < 3.0**2:
        return flat
    long, high = ((n[:2] @ n[:2]) / focal_squared + n[2] ** 2 for n in (n2, n3))
    return float(np.sqrt(long / high))
