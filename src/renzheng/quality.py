"""Facts about one face that speak for or against comparing it."""

from __future__ import annotations

import cv2
import numpy as np

from renzheng.alignment import Template, seen
from renzheng.types import Face, Image

SHARPNESS_SIZE = 112  # px: sharpness is measured at one size, so that it compares across packs


def measure(image: Image, face: Face, crop: Image, template: Template) -> dict[str, float]:
    """Measure one face.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB: the whole picture.
    face
        The face in it.
    crop
        uint8 (size, size, 3) RGB: the aligned face.
    template
        That it was aligned to.

    Returns
    -------
    dict
        ``inter_eye_distance`` in pixels of the picture; ``roll`` in degrees, positive where the
        eye on the right lies lower; ``inside`` the share of the box inside the picture, 0 to 1;
        ``crop_inside`` the same of the aligned crop, which takes in forehead and chin;
        ``brightness`` the mean luminance of the crop, 0 to 255; ``contrast`` its standard
        deviation; ``sharpness`` the variance of the crop's Laplacian at 112 px (grey levels
        squared: 100 is a clear picture, under 20 a blurred one).
    """
    height, width = image.shape[:2]
    eyes = face.landmarks[1] - face.landmarks[0]
    x1, y1, x2, y2 = (float(v) for v in face.box)
    inside = max(0.0, min(x2, width) - max(x1, 0)) * max(0.0, min(y2, height) - max(y1, 0))
    grey = cv2.cvtColor(
        cv2.resize(crop, (SHARPNESS_SIZE, SHARPNESS_SIZE), interpolation=cv2.INTER_AREA),
        cv2.COLOR_RGB2GRAY,
    )
    return {
        "inter_eye_distance": face.inter_eye_distance,
        "roll": float(np.degrees(np.arctan2(eyes[1], eyes[0]))),
        "inside": inside / max(face.width * face.height, 1e-6),
        "crop_inside": seen(image, face.landmarks, template),
        "brightness": float(grey.mean()),
        "contrast": float(grey.std()),
        "sharpness": float(cv2.Laplacian(grey, cv2.CV_64F).var()),
    }
