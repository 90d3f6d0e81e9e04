"""Fixtures of the tests of the service."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image as Pillow

for _name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "httpx"):
    pytest.importorskip(_name, reason="needs the extras serve and client")

from running_service import Running, running  # noqa: E402


@pytest.fixture(scope="session")
def service() -> Iterator[Running]:
    """One service with one worker for all tests that leave it as it was."""
    with running("--workers", 1) as found:
        yield found


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """The public-domain portrait as a PNG."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    return png(Pillow.fromarray(data.astronaut()))


@pytest.fixture(scope="session")
def again(portrait: bytes) -> bytes:
    """The same, smaller and as a JPEG."""
    content = io.BytesIO()
    Pillow.open(io.BytesIO(portrait)).resize((380, 380)).save(content, "JPEG", quality=60)
    return content.getvalue()


@pytest.fixture(scope="session")
def blank() -> bytes:
    """A picture of nobody."""
    return png(Pillow.new("RGB", (300, 200), "grey"))


def png(picture: Pillow.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
