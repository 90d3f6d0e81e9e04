"""Preparations of a face for a network, by the name of the family that trained with them.

A network states neither its channel order nor its scale, and a wrong one is no error anywhere: it
only recognises fewer people (`renzheng.evaluation.preprocessing` measures how many).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from renzheng.errors import InvalidInput
from renzheng.models.preprocessing import Preprocessing


@dataclass(frozen=True)
class Preparation:
    """The steps from a face in a picture to the input of a network.

    Attributes
    ----------
    template
        The name of the alignment template (`renzheng.faces.alignment.TEMPLATES`).
    channels
        The network's channel order, ``RGB`` or ``BGR``.
    mean, scale
        The network's input is ``(channel - mean) * scale`` of channels from 0 to 255, in the
        network's order; one number or three.
    mirror
        Whether an embedding is the average of a crop's and its mirror image's.

    Raises
    ------
    InvalidInput
        If the channels, the mean or the scale are out of their range.
    """

    template: str
    channels: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    mirror: bool = True

    def __post_init__(self) -> None:
        self.preprocessing()

    def preprocessing(self) -> Preprocessing:
        """Return the step from RGB crops to the network's input."""
        return Preprocessing(self.channels, self.mean, self.scale)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Preparation:
        """Return the preparation that the manifest of an embedding pack describes."""
        given, scale = manifest["input"], manifest["input"]["scale"]
        return cls(
            str(manifest["alignment"]["template"]),
            str(given["channels"]),
            tuple(map(float, given["mean"])),
            tuple(map(float, scale)) if isinstance(scale, list) else (float(scale),),
            bool(manifest["embedding"]["mirror_average"]),
        )

    def changes(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return a manifest's tables ``input``, ``embedding`` and ``alignment`` with these steps.

        Parameters
        ----------
        manifest
            The manifest of an embedding pack; it is not changed.
        """
        scale = self.scale[0] if len(self.scale) == 1 else list(self.scale)
        given = {"channels": self.channels, "mean": list(self.mean), "scale": scale}
        return {
            "input": {**manifest["input"], **given},
            "embedding": {**manifest["embedding"], "mirror_average": self.mirror},
            "alignment": {**manifest["alignment"], "template": self.template},
        }

    def __str__(self) -> str:
        mean, scale = (",".join(f"{v:.6g}" for v in each) for each in (self.mean, self.scale))
        mirror = ", averaged with the mirror image" if self.mirror else ""
        return f"{self.template}, {self.channels}, (x - {mean}) * {scale}{mirror}"


_CENTRED = (127.5,), (1 / 127.5,)  # to -1 .. 1

PRESETS: Mapping[str, Preparation] = MappingProxyType(
    {
        "insightface": Preparation("arcface-112", "RGB", *_CENTRED),
        # SFace's file subtracts and divides by itself.
        "sface": Preparation("arcface-112", "RGB", (0.0,), (1.0,)),
        # facenet-pytorch's fixed_image_standardization
        "facenet": Preparation("facenet-160", "RGB", (127.5,), (1 / 128,)),
        "adaface": Preparation("arcface-112", "BGR", *_CENTRED),
        "edgeface": Preparation("arcface-112", "RGB", *_CENTRED),
        "dlib": Preparation("dlib-150", "RGB", (122.782, 117.001, 104.298), (1 / 256,)),
    }
)


def get(name: str) -> Preparation:
    """Look up a preset.

    Raises
    ------
    InvalidInput
        If no preset has this name.
    """
    if name not in PRESETS:
        raise InvalidInput(f"unknown preset {name!r}", remedy=f"one of {', '.join(PRESETS)}")
    return PRESETS[name]
