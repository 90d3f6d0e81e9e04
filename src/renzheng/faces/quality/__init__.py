"""Face image quality: whether a face is fit to be compared.

The measures have the names of ISO/IEC 29794-5 and its reference implementation OFIQ, as far as
they can be computed from five landmarks, the detector's box and the pixels; each says where it
differs from them. Each module holds a measure or a small family; this registry knows only their
interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from renzheng.faces.alignment import AlignmentTemplate
from renzheng.faces.quality import (
    blockiness,
    compression_artifacts,
    contrast,
    crop_of_the_face_image,
    effective_resolution,
    exposure,
    head_pose,
    head_size,
    illumination_uniformity,
    inter_eye_distance,
    luminance,
    natural_colour,
    noise,
    occlusion,
    orientation,
    proportions,
    sharpness,
    single_face_present,
    visibility,
)
from renzheng.faces.quality.interface import Measure, Role
from renzheng.faces.quality.minima import MINIMA, read_demands, shortfalls
from renzheng.faces.quality.view import View
from renzheng.types import Face, Image, Measurement

__all__ = [
    "MEASURES",
    "MINIMA",
    "Measure",
    "Measurement",
    "Role",
    "measure",
    "read_demands",
    "shortfalls",
]

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        entry.name: entry
        for module in (
            inter_eye_distance,
            sharpness,
            effective_resolution,
            noise,
            head_pose,
            illumination_uniformity,
            exposure,
            luminance,
            contrast,
            compression_artifacts,
            blockiness,
            natural_colour,
            occlusion,
            orientation,
            proportions,
            single_face_present,
            visibility,
            head_size,
            crop_of_the_face_image,
        )
        for entry in module.MEASURES
    }
)


def measure(
    image: Image, face: Face, template: AlignmentTemplate, faces: Sequence[Face] = ()
) -> dict[str, Measurement]:
    """Measure one face.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB: the whole picture.
    face
        The face to measure.
    template
        The template that the embedding network's crop is aligned to; only ``crop_inside`` uses it.
    faces
        All faces of the picture, for ``single_face_present``.

    Returns
    -------
    dict
        A measurement for every name in `MEASURES`, in their order.

    Raises
    ------
    InvalidInput
        If the picture or the landmarks cannot be aligned, as `renzheng.faces.alignment.align` says.
    """
    view = View(image, face, template, faces)
    measured = {}
    for name, entry in MEASURES.items():
        value = entry.value(view)
        measured[name] = Measurement(value, entry.component(value))
    return measured
