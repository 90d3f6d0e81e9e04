"""What a worker does: from the bytes of pictures to the JSON of a reply."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from renzheng import images
from renzheng.apps.service import display
from renzheng.apps.service.settings import Settings
from renzheng.errors import InvalidInput, NoFace, RenzhengError, UnreadableImage
from renzheng.faces.liveness import Liveness
from renzheng.types import Capture, Role
from renzheng.verification import findings
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier


@dataclass(frozen=True)
class Verify:
    """Compare two pictures."""

    reference: bytes
    probe: bytes
    pack: str
    policy: Policy
    roles: tuple[Role, Role] = (Role.DOCUMENT, Role.LIVE)
    display: bool = False


@dataclass(frozen=True)
class Detect:
    """Find the faces of a picture."""

    picture: bytes
    pack: str


@dataclass(frozen=True)
class Quality:
    """Measure the face that a picture is about."""

    picture: bytes
    pack: str
    role: Role = Role.LIVE


@dataclass(frozen=True)
class Embed:
    """Embed the face that a picture is about."""

    picture: bytes
    pack: str
    role: Role = Role.PHOTO


Task = Verify | Detect | Quality | Embed


@dataclass(frozen=True)
class Done:
    """A result.

    Attributes
    ----------
    body
        The reply's JSON.
    facts
        What is counted and noted of it; no picture, no embedding.
    """

    body: bytes
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """Why there is none; as in `Problem`."""

    code: str
    detail: str
    remedy: str | None = None
    field: str | None = None


def make_worker(settings: Settings) -> Callable[[Task], Done | Refused]:
    """Load the networks; gives what answers tasks.

    Raises
    ------
    PackError
        If a pack cannot be loaded.
    """
    # The processes are what works at a time; threads in each would fight over the same cores.
    liveness = None
    if settings.liveness is not None:
        liveness = Liveness.from_pack(settings.liveness, 1, backend=settings.backend)
    verifiers = {
        pack: Verifier(
            pack,
            liveness=liveness,
            min_face_size=settings.min_face_size,
            threads=1,
            backend=settings.backend,
            limits=settings.limits,
        )
        for pack in settings.packs
    }
    for verifier in verifiers.values():
        _warm(verifier)

    def work(task: Task) -> Done | Refused:
        verifier = verifiers[task.pack]
        try:
            match task:
                case Verify():
                    return _verify(task, verifier)
                case Detect():
                    return _detect(task, verifier)
                case Quality():
                    return _quality(task, verifier)
                case Embed():
                    return _embed(task, verifier)
        except UnreadableImage as error:
            return _refused("unreadable", error, "picture")
        except NoFace as error:
            return _refused("no_face", error, "picture")
        except InvalidInput as error:
            return _refused("invalid", error, None)

    return work


def _warm(verifier: Verifier) -> None:
    """Do once what takes longer the first time, so that nobody waits for it."""
    grey = np.full((480, 640, 3), 128, np.uint8)
    verifier.acquire(grey, Role.DOCUMENT)
    size = verifier.face_models.template.size
    verifier.embed_crops(np.zeros((2, size, size, 3), np.uint8))


def _refused(code: str, error: RenzhengError, field: str | None) -> Refused:
    return Refused(code, error.reason, error.remedy, field)


def _verify(task: Verify, verifier: Verifier) -> Done:
    live = task.roles[1] is Role.LIVE
    fitting = verifier.with_policy(task.policy).with_roles(task.roles, liveness=live)
    result = fitting.verify(_named(task.reference, "reference"), _named(task.probe, "probe"))
    facts = result.to_dict()
    told = dict(facts)
    if task.display:
        told["display"] = display.build(result, verifier.calibration)
    return Done(_json(told), facts)


def _detect(task: Detect, verifier: Verifier) -> Done:
    image = images.read(task.picture, name="picture", limits=verifier.limits)
    faces = verifier.detect(image)
    size = [image.shape[1], image.shape[0]]
    return Done(_json({"size": size, "faces": [face.to_dict() for face in faces]}))


def _quality(task: Quality, verifier: Verifier) -> Done:
    capture = _acquired(task.picture, task.role, verifier)
    side = "reference" if task.role is Role.DOCUMENT else "probe"
    found = findings.of_capture(side, capture, Policy())
    told = {
        "picture": capture.to_dict(),
        "warnings": [{**each.to_dict(), "side": "picture"} for each in found],
    }
    return Done(_json(told))


def _embed(task: Embed, verifier: Verifier) -> Done:
    capture = _acquired(task.picture, task.role, verifier)
    assert capture.crop is not None
    embedding = capture.embedding
    if embedding is None:
        embedding = verifier.embed_crops(capture.crop[None])[0]
    pack = verifier.pack
    told = {
        # nine digits bring a float32 back bit for bit
        "embedding": [float(f"{v:.9g}") for v in embedding],
        "pack": {"name": pack.name, "version": pack.version, "digest": pack.digest},
        "picture": capture.to_dict(),
    }
    return Done(_json(told))


def _acquired(picture: bytes, role: Role, verifier: Verifier) -> Capture:
    """A capture with a face.

    Raises
    ------
    UnreadableImage, NoFace
        If there is none.
    """
    image = images.read(picture, name="picture", limits=verifier.limits)
    capture = verifier.acquire(image, role)
    if capture.face is None or capture.crop is None:
        raise NoFace(capture.error or "no face was found")
    return replace(capture, source="picture")


def _named(picture: bytes, name: str) -> io.BytesIO:
    """The picture under its field's name: what the client called the file is told to nobody."""
    stream = io.BytesIO(picture)
    stream.name = name
    return stream


def _json(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
