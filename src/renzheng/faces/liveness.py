"""Presentation attack detection: is it a live face, or a print, screen or mask of one?

Passive and from a single picture (ISO/IEC 30107-1): networks look at the face and at what is around
it, for the texture of paper, the grid of a screen, the edge of a sheet. That makes attacks costlier
and cannot rule them out:

- A good print without visible edges, a replay on a good screen, or a mask can pass as live.
- A picture or stream that is injected past the camera is never presented to it: nothing that looks
  at pictures can see that. The way from the camera to here has to be secured.
- What a network has learnt holds for cameras, light and attacks like those it was trained on. On
  others its error rates are unknown until they are measured (`renzheng evaluate liveness`).

So take a score below the threshold as a reason to look closer, and one above it as no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import cv2
import numpy as np

from renzheng.errors import InvalidInput, PackError
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network, chosen
from renzheng.types import Crops, Face, Floats, Image, LivenessScore

DEFAULT_LIVENESS = "minifasnet"


class Liveness:
    """Tells live faces from presentation attacks. Safe to share between threads.

    Parameters
    ----------
    networks
        By name, each with the scale of the face's box that it looks at. Each takes float32
        (n, 3, size, size) and gives probabilities (n, classes).
    size
        The crops' side in pixels.
    classes
        What the probabilities are of.
    live
        Which of the classes is a live face.
    threshold
        From which probability of it on a face counts as live, 0 to 1.
    channels
        The networks' channel order, ``RGB`` or ``BGR``. Pictures are always RGB.
    mean
        What is subtracted from each channel, in the networks' channel order; one number or three.
    scale
        What the difference is multiplied by.

    Attributes
    ----------
    pack
        The pack that it comes from, or None.

    Raises
    ------
    InvalidInput
        If a parameter is out of its range.
    PackError
        If a network takes or gives something else.
    """

    def __init__(
        self,
        networks: Mapping[str, tuple[Network, float]],
        *,
        size: int,
        classes: Sequence[str],
        live: str,
        threshold: float,
        channels: str = "RGB",
        mean: tuple[float, ...] = (0.0,),
        scale: float = 1.0,
    ):
        if not networks or size < 1 or any(not box_scale > 0 for _, box_scale in networks.values()):
            raise InvalidInput("networks, their scales of the box and the crops' size are wanted")
        if live not in classes or len(set(classes)) < len(classes):
            raise InvalidInput(f"no class is called {live!r}, or two have one name: {classes}")
        if not 0 < threshold < 1:
            raise InvalidInput(f"threshold must lie between 0 and 1, not {threshold}")
        if channels not in ("RGB", "BGR"):
            raise InvalidInput(f"channels is RGB or BGR, not {channels!r}")
        if len(mean) not in (1, 3) or not np.isfinite([*mean, scale]).all() or scale == 0:
            raise InvalidInput("mean is one or three finite numbers, scale is finite and not 0")
        self.pack: Pack | None = None
        self.threshold = threshold
        self._networks = dict(networks)
        self._size = size
        self._classes = tuple(classes)
        self._live = self._classes.index(live)
        self._reverse = channels == "BGR"
        self._mean = np.array(mean, np.float32)
        self._scale = np.float32(scale)
        self._probabilities(np.zeros((len(networks), size, size, 3), np.uint8))

    @classmethod
    def from_pack(
        cls,
        pack: str | PathLike[str] | Pack = DEFAULT_LIVENESS,
        threads: int | None = None,
        *,
        backend: str | None = None,
    ) -> Liveness:
        """From a pack of kind ``liveness``.

        Parameters
        ----------
        pack
            A name, a folder, or a loaded `Pack`.
        threads
            Threads per network call; by default the runtime decides.
        backend
            As of `renzheng.models.runtime.Network`.

        Raises
        ------
        InvalidInput
            If there is no such backend, or it is not installed.
        PackError
            If the pack is missing, damaged, of another kind or contradicts itself. The default
            pack's weights have to be added first (`renzheng packs add minifasnet`).
        """
        found = packs.of_kind("liveness", pack)
        backend = chosen(backend)
        try:
            liveness = cls(
                {
                    str(entry["file"]).removesuffix(".onnx"): (
                        Network(found.file(entry["file"]), threads, backend=backend),
                        float(entry["box_scale"]),
                    )
                    for entry in found.setting("input", "networks")
                },
                size=found.setting("input", "size"),
                classes=found.setting("output", "classes"),
                live=found.setting("output", "live"),
                threshold=found.setting("output", "threshold"),
                channels=found.setting("input", "channels"),
                mean=tuple(found.setting("input", "mean")),
                scale=found.setting("input", "scale"),
            )
        except (InvalidInput, KeyError, TypeError, ValueError) as error:
            raise PackError(
                f"its manifest does not describe a liveness pack: {error}", source=str(found.folder)
            ) from error
        liveness.pack = found
        return liveness

    def check(self, image: Image, face: Face) -> LivenessScore:
        """How live a face looks.

        Parameters
        ----------
        image
            uint8 (H, W, 3) RGB, upright: the whole picture as the camera took it. What is around
            the face counts, so a cut or edited picture is judged wrongly.
        face
            The face in it, as `Detector` gives it.

        Raises
        ------
        InvalidInput
            If the picture is not uint8 (H, W, 3), or the face does not lie in it.
        PackError
            If a network gives no probabilities.
        """
        probabilities = self._probabilities(self.crops(image, face))
        live = probabilities[:, self._live]
        mean = probabilities.mean(axis=0)
        return LivenessScore(
            score=float(mean[self._live]),
            threshold=self.threshold,
            networks={n: float(p) for n, p in zip(self._networks, live, strict=True)},
            classes={name: float(p) for name, p in zip(self._classes, mean, strict=True)},
        )

    def crops(self, image: Image, face: Face) -> Crops:
        """What the networks look at: uint8 (networks, size, size, 3) RGB.

        Raises
        ------
        InvalidInput
            As of `check`.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InvalidInput(
                f"a picture must be uint8 (H, W, 3), not {image.dtype} {image.shape}"
            )
        height, width = image.shape[:2]
        x1, y1, x2, y2 = (float(v) for v in face.box)
        meets = x1 < x2 and y1 < y2 and x1 < width and y1 < height and x2 > 0 and y2 > 0
        if not meets or not np.isfinite(face.box).all():
            raise InvalidInput("the face's box does not lie in the picture")
        crops = np.empty((len(self._networks), self._size, self._size, 3), np.uint8)
        for crop, (_, scale) in zip(crops, self._networks.values(), strict=True):
            left, top, right, bottom = around(face.box, scale, width, height)
            part = image[top : bottom + 1, left : right + 1]
            cv2.resize(part, (self._size, self._size), dst=crop, interpolation=cv2.INTER_LINEAR)
        return crops

    def _probabilities(self, crops: Crops) -> Floats:
        """(networks, classes)."""
        pictures = (crops[..., ::-1] if self._reverse else crops).astype(np.float32)
        planes = ((pictures - self._mean) * self._scale).transpose(0, 3, 1, 2)
        rows = np.empty((len(planes), len(self._classes)), np.float32)
        for row, plane, (name, (network, _)) in zip(
            rows, planes, self._networks.items(), strict=True
        ):
            try:
                (output, *_) = network(plane[None])
            except Exception as error:  # the runtimes' own families have no common root
                reason = str(error).splitlines()[0]
                raise PackError(f"the network {name} does not take it: {reason}") from error
            if output.shape != (1, len(row)) or not abs(float(output.sum()) - 1) < 1e-3:
                raise PackError(f"the network {name} gives no probabilities of {len(row)} classes")
            row[:] = output[0]
        return rows


def around(box: Floats, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    """The part of a picture that a network looks at, as Silent-Face-Anti-Spoofing cuts it.

    Its authors cut around the boxes of a RetinaFace detector. Another detector's boxes are a little
    larger, smaller or off, and the networks then see a little more or less around the face.

    Parameters
    ----------
    box
        (4,) x1, y1, x2, y2 of the face, in pixels, cut down to whole ones.
    scale
        How much larger the part is than the box. It grows about the box's middle, as far as the
        picture is large enough in both directions.
    width, height
        Of the picture.

    Returns
    -------
    left, top, right, bottom
        Pixels, the last ones included. Moved into the picture where it would reach over the edge.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    sides = (int(x2 - x1 + 1), int(y2 - y1 + 1))  # a box includes both its corner pixels
    scale = min((width - 1) / sides[0], (height - 1) / sides[1], scale)
    edges = []
    for start, side, whole in ((int(x1), sides[0], width), (int(y1), sides[1], height)):
        low = start + side / 2 - side * scale / 2
        high = low + side * scale
        if low < 0:
            low, high = 0, high - low
        if high > whole - 1:
            low, high = max(low - (high - whole + 1), 0), whole - 1
        edges.append((int(low), int(high)))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom
