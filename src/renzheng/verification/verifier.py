"""The pipeline: the one place that knows the order of the steps."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from renzheng import images
from renzheng._renamed import RenamedAttribute
from renzheng._support.threads import both
from renzheng._support.timing import Clock
from renzheng.errors import InvalidInput, NoFace, UnreadableImage
from renzheng.faces import alignment
from renzheng.models.packs import DEFAULT_DETECTOR, DEFAULT_EMBEDDER, Named, Pack
from renzheng.types import (
    Capture,
    Comparison,
    Face,
    Floats,
    Image,
    LivenessScore,
    Outcome,
    Role,
    Verification,
)
from renzheng.verification import acquisition, findings
from renzheng.verification.distance import compare as compare_embeddings
from renzheng.verification.face_models import FaceModels
from renzheng.verification.policy import Policy
from renzheng.verification.same_photo import PhotoDetail, compare_details, detail_of
from renzheng.verification.templates import FaceTemplate

if TYPE_CHECKING:
    from renzheng.faces.liveness import Liveness

SIDES = ("reference", "probe")


class Verifier:
    """Compares two pictures; holds the networks, so make one and keep it.

    Safe to share between threads: every call works on its own arrays, and the same pictures give
    the same bits whichever thread asks.

    Parameters
    ----------
    pack
        The embedding pack: a name, a folder, or a loaded `Pack`.
    detector
        The detection pack, likewise.
    policy
        When a comparison is a match; the default accepts a false match rate of 1e-4.
    roles
        What the reference and the probe are pictures of: ``document``, ``live`` (the probe only)
        or ``photo``.
        A document is turned and flattened until its portrait is found, and the main portrait is
        told from its ghost; a live picture must hold one dominant face; a photograph may hold
        bystanders.
    liveness
        The liveness pack, likewise, or a loaded `Liveness`; None, the default, does not ask
        whether a live picture shows a live face. See `renzheng.faces.liveness` for what one picture
        cannot show.
    min_face_size
        Faces smaller than this many pixels are not looked for; in a document of more than 1.2
        megapixels, smaller than so many pixels of its reduced picture, unless nothing certain is
        found in that. The default is twice MTCNN's:
        below it fewer than about 16 pixels lie between the eyes, which no comparison should rest
        on, and looking for them takes most of the time.
    threads
        Threads per network call; by default the runtime decides.
    backend
        What computes the networks: ``onnxruntime`` or ``openvino`` (an extra); by default
        ``$RENZHENG_BACKEND``, and onnxruntime without it.
    limits
        The sizes of pictures that are accepted.
    face_models
        Loaded already; then pack, detector, min_face_size, threads and backend, but for liveness,
        say nothing.

    Raises
    ------
    PackError
        If a pack is missing, damaged or of the wrong kind.
    InvalidInput
        If a role is none, or liveness is asked of a probe that is not live, or a backend is none
        or not installed.
    """

    compare_extracts = RenamedAttribute("compare_templates")
    instruments = RenamedAttribute("face_models")

    def __init__(
        self,
        pack: Named = DEFAULT_EMBEDDER,
        *,
        detector: Named = DEFAULT_DETECTOR,
        policy: Policy | None = None,
        roles: tuple[Role | str, Role | str] = (Role.DOCUMENT, Role.LIVE),
        liveness: Named | Liveness | None = None,
        min_face_size: int = 40,
        threads: int | None = None,
        backend: str | None = None,
        limits: images.Limits = images.DEFAULT_LIMITS,
        face_models: FaceModels | None = None,
    ):
        self.policy = _policy(policy)
        self.roles = _roles(roles)
        self.limits = limits
        self.face_models = face_models or FaceModels.load(
            pack, detector, min_face_size=min_face_size, threads=threads, backend=backend
        )
        self.min_face_size = self.face_models.detector.min_face_size
        self.backend = self.face_models.backend
        self.pack, self.detector_pack = self.face_models.pack, self.face_models.detector_pack
        self.calibration = self.face_models.calibration
        self.liveness = _liveness(liveness, threads, backend)
        self._check_liveness()

    def with_policy(self, policy: Policy) -> Verifier:
        """This verifier under another policy; the networks are shared."""
        other = copy.copy(self)
        other.policy = _policy(policy)
        return other

    def with_roles(
        self, roles: tuple[Role | str, Role | str], *, liveness: bool = True
    ) -> Verifier:
        """This verifier for pictures of something else; the networks are shared.

        Parameters
        ----------
        roles
            As in the constructor.
        liveness
            Whether to go on asking for liveness, if this verifier does.

        Raises
        ------
        InvalidInput
            If a role is none, or liveness is asked of a probe that is not live.
        """
        other = copy.copy(self)
        other.roles = _roles(roles)
        if not liveness:
            other.liveness = None
        other._check_liveness()
        return other

    def detect(self, picture: Any) -> list[Face]:
        """All faces of a picture that lie in it and can be aligned, the largest first.

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        """
        return self.face_models.detect(images.read(picture, limits=self.limits))

    def align(self, picture: Any, face: Face | None = None, role: Role | str = Role.PHOTO) -> Image:
        """The aligned crop that the embedding network sees.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        face
            Which face; by default the one that the picture is about.
        role
            What it is a picture of; decides which face that is.

        Returns
        -------
        uint8 (size, size, 3) RGB

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        NoFace
            If no face is found.
        """
        image = images.read(picture, limits=self.limits)
        if face is None:
            name = images.describe(picture)
            try:
                prepared = acquisition.find_faces(image, _role(role), self.face_models)
                choice, _ = acquisition.choose(image, prepared, _role(role), self.face_models)
                face = choice.face
            except NoFace as error:
                raise NoFace(error.reason, source=name, remedy=error.remedy) from None
            image = prepared.image
        return alignment.align(image, face.landmarks, self.face_models.template)

    def embed(
        self, picture: Any, face: Face | None = None, role: Role | str = Role.PHOTO
    ) -> Floats:
        """The embedding of a picture's face: float32 (d,), unit length.

        Parameters
        ----------
        picture, face, role
            As in `align`.

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        NoFace
            If no face is found.
        """
        embedding: Floats = self.embed_crops(self.align(picture, face, role)[None])[0]
        return embedding

    def embed_crops(self, crops: Image) -> Floats:
        """Embeddings of crops that are aligned already.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3) RGB, aligned to the pack's template.

        Returns
        -------
        float32 (n, d), rows of unit length
        """
        return self.face_models.embedder.embed(crops)

    def compare(self, reference: Floats, probe: Floats) -> Comparison:
        """Compare two embeddings of this verifier's pack."""
        return compare_embeddings(reference, probe, self.calibration)

    def verify(self, reference: Any, probe: Any) -> Verification:
        """Are the two pictures of the same person?

        A picture that cannot be read, shows no face, or is refused gives the decision
        ``not_comparable`` and says why: a failure to acquire is a result, not an exception.

        Parameters
        ----------
        reference
            The picture on record: the document. Anything that `renzheng.images.read` takes.
        probe
            The picture to check: the live face.

        Raises
        ------
        InvalidInput
            If the pack is not calibrated, or not as far down as the policy asks, or the policy
            asks for liveness and there is no liveness pack.
        """
        self.check_policy()
        clock = Clock()
        with clock("total"):
            captures = self._acquire_both(reference, probe, clock)
            first, second = self._templates(captures, clock)
            outcome = self._judge(first, second, clock)
        return Verification(
            outcome=outcome,
            policy=self.policy.to_dict(),
            pack=self._packs(),
            reference=captures[0],
            probe=captures[1],
            timings_ms=clock.milliseconds,
        )

    def extract(self, picture: Any, role: Role | str, *, name: str | None = None) -> FaceTemplate:
        """All that `compare_templates` needs of one picture: for those that are compared often.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        role
            What it is a picture of: one of this verifier's roles.
        name
            What to call the picture; by default `renzheng.images.describe` says.

        Returns
        -------
        FaceTemplate
            With an `error` where there is no picture or no face, and without an embedding where
            the policy refuses it.
        """
        clock = Clock()
        with clock("total"):
            capture = acquisition.acquire(
                picture,
                _role(role),
                self.face_models,
                name=name,
                clock=clock,
                limits=self.limits,
            )
            (template,) = self._templates((capture,), clock)
        return replace(template, timings_ms=clock.milliseconds)

    def compare_templates(self, reference: FaceTemplate, probe: FaceTemplate) -> Outcome:
        """Are the two pictures of the same person? As `verify`, of what `extract` has kept.

        An embedding that was computed by itself may differ from one that was computed beside
        another in its last bits, and the distance with it by less than 1e-5.

        Parameters
        ----------
        reference, probe
            In the roles of this verifier, made by one with the same packs and policy.

        Raises
        ------
        InvalidInput
            As `verify`, and if the roles or the packs are not this verifier's.
        """
        self.check_policy()
        if (reference.role, probe.role) != self.roles:
            raise InvalidInput(
                f"extracts of a {reference.role} and a {probe.role} picture, where "
                f"{','.join(self.roles)} are compared"
            )
        for template in (reference, probe):
            if template.embedding is not None and template.pack != self.pack.digest:
                raise InvalidInput(
                    "the extract was made with another pack",
                    source=template.source,
                    remedy="make it again with this one",
                )
        return self._judge(reference, probe, Clock())

    def acquire(self, picture: Any, role: Role | str = Role.PHOTO) -> Capture:
        """One side by itself: the picture's faces, the chosen one, its crop and its quality.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        role
            What it is a picture of.

        Returns
        -------
        Capture
            With an `error` where there is no picture or no face.
        """
        return acquisition.acquire(picture, _role(role), self.face_models, limits=self.limits)

    def _acquire_both(self, reference: Any, probe: Any, clock: Clock) -> tuple[Capture, Capture]:
        def side(k: int, picture: Any, name: str | None = None) -> Capture:
            return acquisition.acquire(
                picture,
                self.roles[k],
                self.face_models,
                name=name,
                clock=clock,
                side=SIDES[k],
                limits=self.limits,
            )

        if reference is probe:
            # A stream gives its bytes once, and a picture that loads lazily must not do so twice
            # at a time.
            name = images.describe(reference)
            try:
                read = images.read(reference, limits=self.limits)
            except UnreadableImage as error:
                lost = acquisition.told(error)
                return (
                    Capture(source=name, role=self.roles[0], error=lost),
                    Capture(source=name, role=self.roles[1], error=lost),
                )
            return side(0, read, name), side(1, read, name)
        return both(lambda: side(0, reference), lambda: side(1, probe))

    def _templates(self, captures: Sequence[Capture], clock: Clock) -> list[FaceTemplate]:
        """Of one side or both; if either is refused, nothing is computed of the other."""
        found = [tuple(findings.of_capture("", each, self.policy)) for each in captures]
        templates = [
            FaceTemplate(
                source=capture.source,
                role=capture.role,
                pack=self.pack.digest,
                size=None if capture.image is None else capture.image.shape[1::-1],
                face=capture.face,
                quality=capture.quality,
                findings=told,
                error=capture.error,
            )
            for capture, told in zip(captures, found, strict=True)
        ]
        if any(template.refused for template in templates):
            return templates
        with clock("embed"):
            embeddings = self._embeddings(captures)
        with clock("same_picture"):
            details = [self._photo_detail(capture) for capture in captures]
        lives: list[LivenessScore | None] = [None] * len(captures)
        if self.liveness is not None:
            with clock("liveness"):
                lives = [self._live(capture) for capture in captures]
        return [
            replace(template, embedding=embedding, photo_detail=detail, liveness=live)
            for template, embedding, detail, live in zip(
                templates, embeddings, details, lives, strict=True
            )
        ]

    def _judge(self, reference: FaceTemplate, probe: FaceTemplate, clock: Clock) -> Outcome:
        found = [
            replace(finding, side=side)
            for side, template in zip(SIDES, (reference, probe), strict=True)
            for finding in template.findings
        ]
        comparison, same, live = None, None, None
        if reference.embedding is not None and probe.embedding is not None:
            comparison = self.compare(reference.embedding, probe.embedding)
            # Whether a live picture is the photograph on record; two photographs may be one.
            if reference.photo_detail is not None and probe.photo_detail is not None:
                with clock("same_picture"):
                    same = compare_details(reference.photo_detail, probe.photo_detail)
            live = probe.liveness
            found += findings.of_same_picture(same, self.policy)
            found += findings.of_liveness(live, self.policy)
        decision, reason = self.policy.decide(comparison, found)
        return Outcome(decision, reason, comparison, same, live, tuple(found))

    def _embeddings(self, captures: Sequence[Capture]) -> list[Floats]:
        """Of each; what choosing a portrait has computed is not computed again."""
        missing = [
            capture.crop
            for capture in captures
            if capture.embedding is None and capture.crop is not None
        ]
        fresh = iter(self.embed_crops(np.stack(missing)) if missing else ())
        return [
            next(fresh) if capture.embedding is None else capture.embedding for capture in captures
        ]

    def _photo_detail(self, capture: Capture) -> PhotoDetail | None:
        if self.roles[1] is not Role.LIVE or capture.image is None or capture.face is None:
            return None
        return detail_of(capture.image, capture.face)

    def _live(self, capture: Capture) -> LivenessScore | None:
        live = self.liveness is not None and capture.role is Role.LIVE
        if not live or capture.image is None or capture.face is None:
            return None
        assert self.liveness is not None
        return self.liveness.check(capture.image, capture.face)

    def _packs(self) -> dict[str, str]:
        """What a result has to name to be repeated."""
        used = {"": self.pack, "detector": self.detector_pack}
        if self.liveness is not None and self.liveness.pack is not None:
            used["liveness"] = self.liveness.pack
        named = {}
        for what, pack in used.items():
            named[what or "name"] = pack.name
            prefix = f"{what}_" if what else ""
            named[f"{prefix}version"] = pack.version
            named[f"{prefix}digest"] = pack.digest
        named["backend"] = self.face_models.backend
        named["backend_version"] = self.face_models.backend_version
        return named

    def _check_liveness(self) -> None:
        if self.liveness is not None and self.roles[1] is not Role.LIVE:
            raise InvalidInput(
                f"liveness is asked of a live picture, and the probe is a {self.roles[1]}",
                remedy="leave liveness out, or let the second role be live",
            )

    def check_policy(self) -> None:
        """Make sure that the packs can keep what the policy promises, before any work.

        Raises
        ------
        InvalidInput
            If the pack is not calibrated, or not as far down as the policy asks, or the policy
            demands what nobody measures here.
        """
        if self.calibration is None:
            raise InvalidInput(
                f"the pack {self.pack.name} has no calibration, so no policy can be applied",
                remedy="use compare() for the bare distance",
            )
        self.calibration.threshold_at(self.policy.max_fmr)
        for role in Role:
            if self.policy.demands(role) and role not in self.roles:
                raise InvalidInput(
                    f"the policy demands quality of a {role} picture, and neither side is one",
                    remedy="name the roles, or leave the demand out",
                )
        if self.policy.min_liveness is not None and self.liveness is None:
            raise InvalidInput(
                "the policy asks for liveness, and there is no liveness pack",
                remedy="give one (liveness=...), or leave min_liveness out",
            )


def _policy(policy: Policy | None) -> Policy:
    if policy is not None and not isinstance(policy, Policy):
        raise InvalidInput(f"a policy is a renzheng.Policy, not {type(policy).__name__}")
    return policy or Policy()


def _liveness(
    named: Named | Liveness | None, threads: int | None, backend: str | None
) -> Liveness | None:
    if named is None:
        return None
    from renzheng.faces.liveness import Liveness  # few ask for it

    if isinstance(named, Liveness):
        return named
    if not isinstance(named, (str, PathLike, Pack)):
        raise InvalidInput(f"a liveness pack is a name or a folder, not {named!r}")
    return Liveness.from_pack(named, threads, backend=backend)


def _role(role: Role | str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise InvalidInput(
            f"no role is called {role!r}", remedy=f"there are: {', '.join(Role)}"
        ) from None


def _roles(roles: tuple[Role | str, Role | str]) -> tuple[Role, Role]:
    reference, probe = (_role(role) for role in roles)
    if reference is Role.LIVE:
        raise InvalidInput(
            "the reference cannot be the live picture",
            remedy="exchange the two, or call a photograph on record a photo",
        )
    return reference, probe


_default_lock = threading.Lock()


@lru_cache(maxsize=1)
def _shared() -> Verifier:
    return Verifier()


def _default() -> Verifier:
    with _default_lock:
        return _shared()


def verify(reference: Any, probe: Any, policy: Policy | None = None) -> Verification:
    """Are the two pictures of the same person? With the default packs; see `Verifier.verify`."""
    shared = _default()
    if policy is None or policy == shared.policy:
        return shared.verify(reference, probe)
    return shared.with_policy(policy).verify(reference, probe)


def detect(picture: Any) -> list[Face]:
    """All faces of a picture, the largest first; see `Verifier.detect`."""
    return _default().detect(picture)


def align(picture: Any, face: Face | None = None) -> Image:
    """The aligned face, uint8 (size, size, 3) RGB; see `Verifier.align`."""
    return _default().align(picture, face)


def embed(picture: Any, face: Face | None = None) -> Floats:
    """The embedding, float32 (d,), unit length; see `Verifier.embed`."""
    return _default().embed(picture, face)


def compare(reference: Floats, probe: Floats) -> Comparison:
    """Compare two embeddings of the default pack; see `Verifier.compare`."""
    return _default().compare(reference, probe)
