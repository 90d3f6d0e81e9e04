"""Presentation attack detection: live faces told from prints, screens and masks of faces.

It is passive and needs a single picture (ISO/IEC 30107-1): networks look at the face and its
surroundings for the texture of paper, the grid of a screen, the edge of a sheet. That makes attacks
costlier but cannot rule them out:

- A good print without visible edges, a replay on a good screen, or a mask can pass as live.
- A picture or stream that is injected past the camera is never presented to it, and no analysis of
  the picture can show that. The path from the camera to here has to be secured.
- A network's training holds for cameras, light and attacks like those it was trained on. On others
  its error rates are unknown until they are measured (`renzheng evaluate liveness`).

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
from renzheng.models.preprocessing import Preprocessing
from renzheng.models.runtime import Network, choose_backend
from renzheng.types import Crops, Face, Floats, Image, LivenessScore

DEFAULT_LIVENESS = "minifasnet"


class Liveness:
    """Tells live faces from presentation attacks. Safe to share between threads.

    Parameters
    ----------
    networks
        The networks by name, each with the scale of its crop relative to the face's box. Each takes
        float32 (n, 3, size, size) and returns probabilities (n, classes).
    size
        The width and height of the crops in pixels.
    classes
        The names of the classes, in the order of the probabilities.
    live
        The class of live faces.
    threshold
        The lowest probability of that class at which a face counts as live, above 0 and below 1.
    channels
        The networks' channel order, ``RGB`` or ``BGR``; crops are always RGB.
    mean
        The value subtracted from each channel, in the networks' channel order; one number or three.
    scale
        The factor that the difference is multiplied by.

    Attributes
    ----------
    pack
        The pack that the networks come from, or None.

    Raises
    ------
    InvalidInput
        If a parameter is out of its range.
    PackError
        If a network takes other input or returns other output.
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
            raise InvalidInput(
                "liveness needs networks, each with a scale above 0, and crops of at least 1 pixel"
            )
        if live not in classes or len(set(classes)) < len(classes):
            raise InvalidInput(f"no class is called {live!r}, or two have the same name: {classes}")
        if not 0 < threshold < 1:
            raise InvalidInput(f"threshold must lie between 0 and 1, not {threshold}")
        self.pack: Pack | None = None
        self.threshold = threshold
        self._networks = dict(networks)
        self._size = size
        self._classes = tuple(classes)
        self._live = self._classes.index(live)
        self._preprocess = Preprocessing(channels, mean, (scale,))
        self._probabilities(np.zeros((len(networks), size, size, 3), np.uint8))

    @classmethod
    def from_pack(
        cls,
        pack: str | PathLike[str] | Pack = DEFAULT_LIVENESS,
        threads: int | None = None,
        *,
        backend: str | None = None,
    ) -> Liveness:
        """Load the networks of a pack of kind ``liveness``.

        Parameters
        ----------
        pack
            A name, a folder, or a loaded `Pack`.
        threads
            Threads per network call; by default the runtime decides.
        backend
            As in `renzheng.models.runtime.Network`.

        Raises
        ------
        InvalidInput
            If the backend is unknown or not installed.
        PackError
            If the pack is missing, damaged, of another kind or contradicts itself. The default
            pack's weights have to be added first (`renzheng packs add minifasnet`).
        """
        found = packs.of_kind("liveness", pack)
        backend = choose_backend(backend)
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
                f"the manifest does not describe a liveness pack: {error}", source=str(found.folder)
            ) from error
        liveness.pack = found
        return liveness

    def check(self, image: Image, face: Face) -> LivenessScore:
        """Return the liveness of a face.

        Parameters
        ----------
        image
            uint8 (H, W, 3) RGB, upright: the whole picture as the camera took it. The surroundings
            of the face count, so a cropped or edited picture is judged wrongly.
        face
            The face in it, as `Detector` returns it.

        Raises
        ------
        InvalidInput
            If the image is not uint8 (H, W, 3), or the face does not lie in it.
        PackError
            If a network returns no probabilities.
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
        """Return the crop that each network sees: uint8 (networks, size, size, 3) RGB.

        Raises
        ------
        InvalidInput
            As in `check`.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InvalidInput(f"an image must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
        height, width = image.shape[:2]
        x1, y1, x2, y2 = (float(v) for v in face.box)
        meets = x1 < x2 and y1 < y2 and x1 < width and y1 < height and x2 > 0 and y2 > 0
        if not meets or not np.isfinite(face.box).all():
            raise InvalidInput("the face's box does not lie in the picture")
        crops = np.empty((len(self._networks), self._size, self._size, 3), np.uint8)
        for crop, (_, scale) in zip(crops, self._networks.values(), strict=True):
            left, top, right, bottom = region_around(face.box, scale, width, height)
            region = image[top : bottom + 1, left : right + 1]
            cv2.resize(region, (self._size, self._size), dst=crop, interpolation=cv2.INTER_LINEAR)
        return crops

    def _probabilities(self, crops: Crops) -> Floats:
        """Return the probabilities, float32 (networks, classes)."""
        planes = self._preprocess(crops)
        rows = np.empty((len(planes), len(self._classes)), np.float32)
        for row, plane, (name, (network, _)) in zip(
            rows, planes, self._networks.items(), strict=True
        ):
            try:
                (output, *_) = network(plane[None])
            except Exception as error:  # the runtimes' errors have no common class
                reason = str(error).splitlines()[0]
                raise PackError(f"the network {name} rejects its input: {reason}") from error
            if output.shape != (1, len(row)) or not abs(float(output.sum()) - 1) < 1e-3:
                raise PackError(
                    f"the network {name} returns no probabilities of {len(row)} classes"
                )
            row[:] = output[0]
        return rows


def region_around(box: Floats, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Return the region of an image that a network sees, as Silent-Face-Anti-Spoofing cuts it.

    Its authors cut around the boxes of a RetinaFace detector. Another detector's boxes are a little
    larger, smaller or shifted, and the networks then see a little more or less around the face.

    Parameters
    ----------
    box
        (4,) x1, y1, x2, y2 of the face in pixels; fractions are cut off.
    scale
        The size of the region over that of the box. The region grows about the middle of the box,
        as far as the image is large enough in both directions.
    width, height
        The size of the image in pixels.

    Returns
    -------
    left, top, right, bottom
        The edges in pixels, inclusive; the region is moved into the image where it would reach
        beyond.
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
