"""The crop that all members of an ensemble see their faces in.

Everything that handles faces cuts out one crop of each. Here it is wide enough for the views of all
members, and fine enough that none of them is enlarged: the first member's crop at a whole multiple
of its scale, with a margin. Each member's own crop is resampled from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.faces.alignment import AlignmentTemplate, align, to_crop, umeyama
from renzheng.types import Crops

# Views of one face that differ by more than this are no views of one face: the crop would be large
# and hold little of it. dlib's view is 1.5 times as fine as ArcFace's.
_MAX_MULTIPLE = 4
_NOTICEABLE = 1.05  # a member that is enlarged by less loses nothing that a network sees


@dataclass(frozen=True, eq=False)
class CommonCrop:
    """A square crop that holds the views of several alignment templates.

    Attributes
    ----------
    size
        The width and height in pixels.
    points
        float64 (5, 2) xy: the positions of the five landmarks in it, which need more digits than
        a template has, so that the first member's pixels come out of it exactly.
    """

    size: int
    points: npt.NDArray[np.float64]

    @classmethod
    def of(cls, templates: Sequence[AlignmentTemplate]) -> CommonCrop:
        """Return the smallest crop for templates, of which the first one's pixels are kept exactly.

        Pixels of the first are squares of whole pixels here, so that its own crop is their mean:
        the same arithmetic by which `align` makes a small crop of a large face.

        Parameters
        ----------
        templates
            At least one.

        Raises
        ------
        InvalidInput
            If the templates' scales are too far apart.
        """
        first = templates[0]
        scales = [_scale(first, other) for other in templates]
        multiple = max(1, math.ceil(max(scales) / _NOTICEABLE))
        if multiple > _MAX_MULTIPLE or min(scales) < 1 / _MAX_MULTIPLE:
            raise InvalidInput(
                f"the crops of these networks differ too much in scale ({min(scales):.2g} to "
                f"{max(scales):.2g} times the first one's)"
            )
        # Pixel centres, not corners, are at whole numbers.
        points = first.points.astype(np.float64) * multiple + (multiple - 1) / 2
        corners = np.concatenate([_corners(other, points) for other in templates])
        # The first member's edges lie between pixels; the others' are moved out to such places.
        low = np.floor(corners.min(axis=0) + 0.5 + 1e-6)
        high = np.ceil(corners.max(axis=0) + 0.5 - 1e-6)
        size = int((high - low).max())
        start = low - np.floor((size - (high - low)) / 2)
        return cls(size, points - start)

    @property
    def template(self) -> AlignmentTemplate:
        """The template to cut the crop out of a picture by."""
        points = self.points.astype(np.float32)
        points.setflags(write=False)
        return AlignmentTemplate(f"common-{self.size}", self.size, points)

    def views(self, crops: Crops, template: AlignmentTemplate) -> Crops:
        """Resample crops to a member's own.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3).
        template
            The member's template.

        Returns
        -------
        Crops
            uint8 (n, template.size, template.size, 3); the crops themselves where they are the
            member's own.
        """
        if template.size == self.size and np.array_equal(template.points, self.points):
            return crops
        found = np.empty((len(crops), template.size, template.size, 3), np.uint8)
        for i, crop in enumerate(crops):
            found[i] = align(crop, self.points, template)
        return found


def _scale(one: AlignmentTemplate, other: AlignmentTemplate) -> float:
    """Return the pixels of another template's crop for each pixel of this one's."""
    matrix = umeyama(one.points, other.points)
    return math.hypot(matrix[0, 0], matrix[1, 0])


def _corners(
    template: AlignmentTemplate, points: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return where the corners of a template's view lie when its landmarks are at these points."""
    last = template.size - 0.5
    corners = np.array([(-0.5, -0.5), (last, -0.5), (-0.5, last), (last, last)])
    return to_crop(umeyama(template.points, points), corners)
