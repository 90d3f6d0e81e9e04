"""What is sent as a picture where questions are made up: pictures, and what is none."""

from __future__ import annotations

import io

import schemathesis
from hypothesis import strategies as st
from PIL import Image as Pillow
from skimage import data


def _coded(picture: Pillow.Image, kind: str) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind)
    return content.getvalue()


_PORTRAIT = Pillow.fromarray(data.astronaut())
_KNOWN = [
    _coded(_PORTRAIT, "JPEG"),
    _coded(_PORTRAIT.convert("L"), "PNG"),
    _coded(_PORTRAIT.rotate(180), "WebP"),
    _coded(Pillow.new("RGB", (300, 200), "grey"), "PNG"),
    _coded(Pillow.new("RGB", (3, 2), "grey"), "BMP"),
    _coded(_PORTRAIT, "JPEG")[:9000],
    b"",
    b"no picture",
]

schemathesis.openapi.format("binary", st.sampled_from(_KNOWN) | st.binary(max_size=200))
