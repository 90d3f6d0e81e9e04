"""The typed client."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_service import Running

from renzheng import Decision, Policy, UnreadableImage
from renzheng.apps.service import Client, ServiceError
from renzheng.models import packs


def test_it_calls_everything(
    service: Running, portrait: bytes, again: bytes, tmp_path: Path
) -> None:
    (tmp_path / "人.png").write_bytes(portrait)
    with Client(service.url) as client:
        assert client.ready()
        policy = Policy(max_fmr=1e-3, min_live_quality={"sharpness": 1}, allow_same_picture=True)
        told = client.verify(tmp_path / "人.png", again, policy)
        assert told.decision is Decision.MATCH
        assert told.policy.model_dump() == policy.to_dict()
        assert told.distance is not None
        assert told.fmr is not None
        assert told.reference.face is not None
        assert told.display is None
        photos = client.verify(
            io.BytesIO(portrait), memoryview(again), roles=("photo", "photo"), display=True
        )
        assert photos.decision is Decision.MATCH
        assert photos.display is not None
        assert photos.display.reference.scale == 1
        assert len(client.detect(portrait).faces) == 1
        assert client.quality(portrait).picture.quality["sharpness"].component > 30
        assert len(client.embed(portrait, pack=packs.DEFAULT_EMBEDDER).embedding) == 128
        assert client.packs().packs[0].name == packs.DEFAULT_EMBEDDER


def test_problems_are_errors_with_a_code(service: Running, portrait: bytes, tmp_path: Path) -> None:
    with Client(service.url) as client:
        for ask, code, field in (
            (lambda: client.detect(b"text"), "unreadable", "picture"),
            (lambda: client.verify(portrait, portrait, pack="x"), "invalid", "pack"),
            (lambda: client.verify(portrait, portrait, Policy(max_fmr=1e-9)), "invalid", None),
        ):
            with pytest.raises(ServiceError) as told:
                ask()
            assert (told.value.code, told.value.status, told.value.field) == (code, 422, field)
        with pytest.raises(UnreadableImage, match="no such file"):
            client.detect(tmp_path / "none.jpg")
        with pytest.raises(ValueError):
            client.quality(portrait, "passport")


def test_where_nobody_answers_it_says_so() -> None:
    with Client("http://127.0.0.1:1") as client:
        assert not client.ready()
        with pytest.raises(ServiceError, match="cannot be reached") as told:
            client.packs()
        assert told.value.code == "unreachable"
    with pytest.raises(ServiceError):
        Client("http://[").packs()


def test_a_reply_of_something_else_is_told_apart() -> None:
    def other(request: httpx.Request) -> httpx.Response:
        return httpx.Response(int(request.url.path[-3:] == "cks") * 100 + 100, text="<html>")

    with Client("http://x", transport=httpx.MockTransport(other)) as client:
        with pytest.raises(ServiceError) as told:
            client.packs()
        assert told.value.code == "not_understood"


def test_it_waits_as_long_as_a_busy_service_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from renzheng.apps.service.problems import Problem

    asked: list[str] = []
    slept: list[float] = []

    def busy(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["authorization"])
        if len(asked) < 4:
            problem = Problem("busy", "more requests wait than may")
            return httpx.Response(503, content=problem.body(), headers={"Retry-After": "2"})
        packs: dict[str, Any] = {"packs": [], "policy": Policy().to_dict(), "max_upload": 1}
        return httpx.Response(200, json=packs)

    monkeypatch.setattr("renzheng.apps.service.client.time.sleep", slept.append)
    with Client("http://x", key="k", transport=httpx.MockTransport(busy)) as client:
        assert client.packs().packs == []
    assert slept == [2, 2, 2]
    assert asked == ["Bearer k"] * 4
    asked.clear()
    with Client("http://x", key="k", patience=0, transport=httpx.MockTransport(busy)) as client:
        with pytest.raises(ServiceError) as told:
            client.packs()
        assert (told.value.code, told.value.status) == ("busy", 503)
    assert len(asked) == 1


def test_an_address_is_never_opened() -> None:
    with Client("http://x") as client, pytest.raises(UnreadableImage):
        client.detect("http://127.0.0.1/a.jpg")
