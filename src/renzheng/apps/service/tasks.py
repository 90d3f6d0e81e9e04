"""The tasks of a worker process: from the bytes of pictures to the JSON of a reply."""

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
from renzheng.verification.extraction import features_of
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier


@dataclass(frozen=True)
class Verify:
    """The task of comparing two pictures."""

    reference: bytes
    probe: bytes
    pack: str
    policy: Policy
    roles: tuple[Role, Role] = (Role.DOCUMENT, Role.LIVE)
    display: bool = False


@dataclass(frozen=True)
class Detect:
    """The task of finding the faces of a picture."""

    picture: bytes
    pack: str


@dataclass(frozen=True)
class Quality:
    """The task of measuring the chosen face of a picture."""

    picture: bytes
    pack: str
    role: Role = Role.LIVE


@dataclass(frozen=True)
class Embed:
    """The task of embedding the chosen face of a picture."""

    picture: bytes
    pack: str
    role: Role = Role.PHOTO


Task = Verify | Detect | Quality | Embed


@dataclass(frozen=True)
class Done:
    """The result of a task.

    Attributes
    ----------
    body
        The reply's JSON.
    facts
        The part that is counted and logged; no picture, no embedding.
    """

    body: bytes
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A task without a result; the fields are those of `Problem`."""

    code: str
    detail: str
    remedy: str | None = None
    field: str | None = None


def make_worker(settings: Settings) -> Callable[[Task], Done | Refused]:
    """Load the networks and return the function that answers tasks.

    Raises
    ------
    PackError
        If a pack cannot be loaded.
    """
    # Processes work in parallel; threads in each would compete for the same cores.
    liveness = None
    if settings.liveness is not None:
        liveness = Liveness.from_pack(settings.liveness, 1, backend=settings.backend)
    loaded = [
        Verifier(
            pack,
            detector=settings.detector,
            liveness=liveness,
            min_face_size=settings.min_face_size,
            threads=1,
            backend=settings.backend,
            limits=settings.limits,
        )
        for pack in settings.packs
    ]
    for verifier in loaded:
        _warm(verifier)
    # Requests name a pack as it calls itself, settings may give its folder.
    verifiers = {verifier.pack.name: verifier for verifier in loaded}

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
    """Run the networks once, so that no request waits for the slower first run."""
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
    reply = dict(facts)
    if task.display:
        reply["display"] = display.build(result, verifier.calibration)
    return Done(_json(reply), facts)


def _detect(task: Detect, verifier: Verifier) -> Done:
    image = images.read(task.picture, name="picture", limits=verifier.limits)
    faces = verifier.detect(image)
    size = [image.shape[1], image.shape[0]]
    return Done(_json({"size": size, "faces": [face.to_dict() for face in faces]}))


def _quality(task: Quality, verifier: Verifier) -> Done:
    capture = _acquired(task.picture, task.role, verifier)
    side = "reference" if task.role is Role.DOCUMENT else "probe"
    found = findings.of_capture(side, capture, Policy())
    reply = {
        "picture": capture.to_dict(),
        "warnings": [{**each.to_dict(), "side": "picture"} for each in found],
    }
    return Done(_json(reply))


def _embed(task: Embed, verifier: Verifier) -> Done:
    capture = _acquired(task.picture, task.role, verifier)
    (found,) = features_of([capture], verifier.face_models.embedder)
    assert found is not None  # there is a crop
    pack = verifier.pack
    reply = {
        # nine digits restore a float32 bit for bit
        "embedding": [float(f"{v:.9g}") for v in found.embedding],
        "strength": round(found.strength, 4),
        "pack": {"name": pack.name, "version": pack.version, "digest": pack.digest},
        "picture": capture.to_dict(),
    }
    return Done(_json(reply))


def _acquired(picture: bytes, role: Role, verifier: Verifier) -> Capture:
    """Return a capture with a face.

    Raises
    ------
    UnreadableImage, NoFace
        If the picture cannot be read or shows no face.
    """
    capture = verifier.acquire(picture, role)
    if capture.image is None:
        images.read(picture, name="picture", limits=verifier.limits)  # raises what went wrong
    if capture.face is None or capture.crop is None:
        raise NoFace(capture.error or "no face was found")
    return replace(capture, source="picture")


def _named(picture: bytes, name: str) -> io.BytesIO:
    """Return the picture under its field's name; the client's name of the file is never shown."""
    stream = io.BytesIO(picture)
    stream.name = name
    return stream


def _json(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
