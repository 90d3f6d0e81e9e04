"""The components that a picture should reach, by role: below them it is plainly unusable.

They were chosen on 1,200 pictures of 600 people of LFW. Of one picture each of 2,000 people of LFW
4 miss a minimum of a live capture, bystanders left out, and 4 one of a document, which is under
1 %; what the minima catch is in the tests. A document may be blurred, burnt out and compressed
more, and its chip may hold as few as 23 px between the eyes.

There is none for ``under_exposure_prevention``: at three tenths of its levels all of a face is dark
by the standard's count, and the default pack misses hardly more of the genuine pairs (18 % instead
of 16 % at FMR 1e-4, where blur that is caught costs 29 % and more); ``dynamic_range`` catches what
is darker still. None for ``luminance_mean`` and ``luminance_variance``, since dark skin is dark;
for ``illumination_uniformity``, which is 0 on one of fifteen ordinary pictures; for
``natural_colour``, of which a hologram and a grey scan have little; and for how a portrait is
framed, which does not hinder a comparison. Who else is in the picture counts before a camera only.
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
}
MINIMA: Mapping[Role, Mapping[str, int]] = MappingProxyType(
    {
        "live": MappingProxyType(
            {
                "inter_eye_distance": 12,  # 29 px
                "sharpness": 25,
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
                **_BOTH,
                "over_exposure_prevention": 5,  # 21 % burnt out
                "dynamic_range": 40,
                "compression_artifacts": 15,
            }
        ),
    }
)


def shortfalls(measured: Mapping[str, Measurement], role: Role) -> dict[str, int]:
    """By how many points components miss the minima of a role, the worst first.

    Parameters
    ----------
    measured
        As `renzheng.faces.quality.measure` gives it.
    role
        ``live`` or ``document``.

    Returns
    -------
    dict
        Name and points; empty where every minimum is reached.
    """
    missed = {
        name: least - measured[name].component
        for name, least in MINIMA[role].items()
        if name in measured and measured[name].component < least
    }
    return dict(sorted(missed.items(), key=lambda item: -item[1]))


def read_demands(words: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """The least components of documents and of live pictures, as people write them.

    Parameters
    ----------
    words
        Each of the form ``ROLE.MEASURE=N``, e.g. ``live.sharpness=30``.

    Returns
    -------
    dict, dict
        By measure, of documents and of live pictures: what `Policy` takes, which checks names and
        numbers.

    Raises
    ------
    InvalidInput
        If a word is of another form, or one measure is named twice.
    """
    least: dict[str, dict[str, int]] = {"document": {}, "live": {}}
    for word in words:
        name, _, number = word.partition("=")
        role, _, measure = name.partition(".")
        if measure in least.get(role, {}):
            raise InvalidInput(f"the least quality of {name} is named twice")
        try:
            least[role][measure] = int(number)
        except (KeyError, ValueError):
            raise InvalidInput(
                f"the least quality {word!r} is not of the form ROLE.MEASURE=N",
                remedy="e.g. live.sharpness=30 or document.inter_eye_distance=20",
            ) from None
    return least["document"], least["live"]
