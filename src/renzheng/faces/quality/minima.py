"""The minimum components of a picture, by role: below them it is plainly unusable.

Those of the measures that the standard has, of sharpness and of coding were chosen on 1,200
pictures of 600 people of LFW. Among one picture each of 2,000 people of LFW, 4 miss one of these
for a live capture, bystanders left out, and 4 for a document, which is under 1 %; the tests show
what they catch. A document may be more blurred, burnt out and compressed, and its chip may have as
few as 23 px between the eyes. The others, from ``noise`` to ``natural_proportions``, were chosen on
one picture each of 1,000 people of LFW, so that each takes under 1 % of ordinary pictures; of 999
other people, 1.6 % miss that of ``eyes_visible`` (10 of these 16 wear dark glasses), 1.1 % that of
``mouth_occlusion_prevention`` (on 6 of these 11 a hand or the like covers it), and at most 0.4 %
another (benchmarks/quality.md).

There is no minimum

- for ``under_exposure_prevention``: at three tenths of its levels a whole face is dark by the
  standard's count, and the default pack misses hardly more of the genuine pairs (18 % instead of
  16 % at FMR 1e-4, where blur that is caught costs 29 % and more); ``dynamic_range`` catches
  darker pictures;
- for ``luminance_mean`` and ``luminance_variance``, since dark skin is dark;
- for ``illumination_uniformity``, which is 0 on one of fifteen ordinary pictures;
- for ``natural_colour``, which is low on a hologram and on a grey scan;
- for the framing of a portrait, which does not affect a comparison.

Other people in the picture count only in a live capture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from renzheng.errors import InvalidInput
from renzheng.faces.quality.interface import Role
from renzheng.types import Measurement

_BOTH = {
    "head_pose_yaw": 33,  # 55 degrees
    "head_pose_pitch": 45,  # 48 degrees
    "head_pose_roll": 67,  # 35 degrees
    "inside": 90,
    "crop_inside": 60,  # below it nothing is called a match
    "noise": 25,  # 0.49 of the light and shade
    "contrast": 25,  # 4.4 bits
    "blockiness": 50,
    "eyes_visible": 30,
    "mouth_occlusion_prevention": 30,
    "upright": 30,
    "natural_proportions": 30,
}
MINIMA: Mapping[Role, Mapping[str, int]] = MappingProxyType(
    {
        "live": MappingProxyType(
            {
                "inter_eye_distance": 12,  # 29 px
                "sharpness": 25,
                "effective_resolution": 25,  # 16 px between the eyes
                **_BOTH,
                "over_exposure_prevention": 10,  # 9.5 % burnt out
                "dynamic_range": 45,  # 3.6 bits
                "compression_artifacts": 30,
                "single_face_present": 75,  # a second face of a quarter of the area
            }
        ),
        "document": MappingProxyType(
            {
                "inter_eye_distance": 8,  # 20 px
                "sharpness": 15,
                "effective_resolution": 12,  # 15 px
                **_BOTH,
                "over_exposure_prevention": 5,  # 21 % burnt out
                "dynamic_range": 40,
                "compression_artifacts": 15,
            }
        ),
    }
)


def shortfalls(measured: Mapping[str, Measurement], role: Role) -> dict[str, int]:
    """Return by how many points components miss the minima of a role, the worst first.

    Parameters
    ----------
    measured
        The result of `renzheng.faces.quality.measure`.
    role
        ``live`` or ``document``.

    Returns
    -------
    dict
        Name and points; empty where every minimum is reached.
    """
    missed = {
        name: minimum - measured[name].component
        for name, minimum in MINIMA[role].items()
        if name in measured and measured[name].component < minimum
    }
    return dict(sorted(missed.items(), key=lambda item: -item[1]))


def read_demands(words: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Read the minimum components of documents and of live pictures, as people write them.

    Parameters
    ----------
    words
        Words of the form ``ROLE.MEASURE=N``, e.g. ``live.sharpness=30``.

    Returns
    -------
    documents, live
        The minima by measure, as `Policy` takes them, which checks names and numbers.

    Raises
    ------
    InvalidInput
        If a word is of another form, or one measure is named twice.
    """
    minima: dict[str, dict[str, int]] = {"document": {}, "live": {}}
    for word in words:
        name, _, number = word.partition("=")
        role, _, measure = name.partition(".")
        if measure in minima.get(role, {}):
            raise InvalidInput(f"the minimum quality of {name} is given twice")
        try:
            minima[role][measure] = int(number)
        except (KeyError, ValueError):
            raise InvalidInput(
                f"the minimum quality {word!r} is not of the form ROLE.MEASURE=N",
                remedy="e.g. live.sharpness=30 or document.inter_eye_distance=20",
            ) from None
    return minima["document"], minima["live"]
