"""A pack in a folder of the user's own, which calls itself otherwise than its folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from made_up import small_embedder
from renzheng.apps.service import tasks
from renzheng.apps.service.settings import Settings


def test_requests_name_it_as_it_calls_itself(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    picture = io.BytesIO()
    Pillow.fromarray(data.astronaut()).save(picture, "PNG")
    pack = small_embedder(tmp_path / "own")
    answer = tasks.make_worker(Settings(packs=(str(pack.folder),)))
    done = answer(tasks.Embed(picture.getvalue(), pack.name))
    assert isinstance(done, tasks.Done)
    assert len(json.loads(done.body)["embedding"]) == 24
