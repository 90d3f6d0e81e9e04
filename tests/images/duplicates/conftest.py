"""Painted pictures, and versions of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from painted_pictures import paint, save

pytest.importorskip("imagehash", reason="needs ImageHash: pip install 'renzheng[similarity]'")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve unrelated pictures; versions of a and b; copies of c; files that are not pictures."""
    folder = tmp_path_factory.mktemp("collection")
    for seed in range(12):
        save(paint(100 + seed), folder / "unrelated" / f"{seed}.png")
    a = paint(1)
    save(a, folder / "a.png")
    save(a, folder / "versions" / "a.jpg", quality=40)
    save(cv2.resize(a, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), folder / "a small.png")
    b = paint(2)
    save(b, folder / "b.png")
    save(np.ascontiguousarray(b[20:-20, 30:-10]), folder / "versions" / "b cropped.png")
    save(np.ascontiguousarray(b[:, ::-1]), folder / "versions" / "b mirrored.jpg", quality=85)
    c = save(paint(3), folder / "c.png").read_bytes()
    (folder / "versions" / "c copied.png").write_bytes(c)
    (folder / "versions" / "c copied again.png").write_bytes(c)
    (folder / "text.jpg").write_text("no picture at all")
    (folder / "notes.txt").write_text("not looked at")
    (folder / ".hidden.png").write_bytes(c)
    return folder
