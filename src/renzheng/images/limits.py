"""The sizes that are accepted: of a picture's file, before it is read, and of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from renzheng.errors import UnreadableImage


@dataclass(frozen=True)
class Limits:
    """Limits on the size of a picture.

    Attributes
    ----------
    max_bytes
        Size of the encoded file.
    max_pixels
        Width times height. 64 Mpx decode to 192 MiB.
    min_side
        The shorter side in pixels. P-Net sees 12 x 12 windows, so nothing smaller can hold a face.
    max_elongation
        The longer side over the shorter one.
    """

    max_bytes: int = 50 * 1024 * 1024
    max_pixels: int = 64_000_000
    min_side: int = 12
    max_elongation: float = 20.0

    def check_bytes(self, size: int, label: str) -> None:
        """Check the size of a file in bytes; `label` is its name in errors.

        Raises
        ------
        UnreadableImage
            If it is too large.
        """
        if size > self.max_bytes:
            raise UnreadableImage(
                f"the file is larger than {self.max_bytes / 2**20:.4g} MiB",
                source=label,
                remedy="save it smaller, or raise Limits.max_bytes",
            )

    def check_size(self, width: int, height: int, label: str) -> None:
        """Check the size of a picture in pixels; `label` is its name in errors.

        Raises
        ------
        UnreadableImage
            If it is too large, too small or too long.
        """
        shorter, longer = sorted((width, height))
        if width * height > self.max_pixels:
            megapixels = f"{self.max_pixels / 1e6:.4g} megapixels"
            raise UnreadableImage(
                f"the picture is {width} x {height}, more than {megapixels}",
                source=label,
                remedy="scale it down, or raise Limits.max_pixels",
            )
        if shorter < self.min_side:
            raise UnreadableImage(
                f"the picture is only {width} x {height}",
                source=label,
                remedy=f"give one of at least {self.min_side} pixels a side",
            )
        if longer > self.max_elongation * shorter:
            raise UnreadableImage(
                f"the picture is {width} x {height}, a strip rather than a photograph",
                source=label,
                remedy="crop it",
            )


DEFAULT_LIMITS = Limits()
