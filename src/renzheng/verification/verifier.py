"""The verifier: the one place that knows the order of the steps."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from renzheng import images
from renzheng._renamed import RenamedAttribute
from renzheng._support.timing import Clock
from renzheng.errors import InvalidInput, NoFace
from renzheng.faces import alignment
from renzheng.models.packs import DEFAULT_DETECTOR, DEFAULT_EMBEDDER, Named, calibrating
from renzheng.types import Capture, Comparison, Face, Floats, Image, Outcome, Role, Verification
from renzheng.verification import acquisition, arguments, findings
from renzheng.verification.acquisition import SIDES
from renzheng.verification.distance import compare as compare_embeddings
from renzheng.verification.extraction import extract_templates
from renzheng.verification.face_models import FaceModels
from renzheng.verification.policy import Policy
from renzheng.verification.same_photo import compare_details
from renzheng.verification.templates import FaceTemplate

if TYPE_CHECKING:
    from renzheng.faces.liveness import Liveness


class Verifier:
    """Compares the faces of two pictures; holds the networks, so make one and keep it.

    Safe to share between threads: every call works on its own arrays, and the same pictures give
    the same bits whichever thread asks.

    Parameters
    ----------
    pack
        The embedding pack: a name, a folder, or a loaded `Pack`.
    detector
        The detection pack, given likewise: ``mtcnn``, with which the packs are calibrated, or the
        faster ``yunet``.
    policy
        The condition for a match; the default accepts a false match rate of 1e-4.
    roles
        The roles of the reference and the probe: ``document``, ``live`` (the probe only) or
        ``photo``.
        A document is turned and flattened until its portrait is found, and the main portrait is
        told from its ghost; a live picture must hold one dominant face; a photograph may hold
        bystanders.
    liveness
        The liveness pack, given likewise, or a loaded `Liveness`; None, the default, does not ask
        whether a live picture shows a live face. See `renzheng.faces.liveness` for what one picture
        cannot show.
    min_face_size
        The smallest face that is looked for, in pixels; in a document of more than 1.2 megapixels,
        in pixels of its reduced picture, unless nothing certain is found in that. The default is
        twice MTCNN's: below it fewer than about 16 pixels lie between the eyes, which no comparison
        should rest on, and looking for such faces takes most of the time.
    threads
        Threads per network call; by default the runtime decides.
    backend
        The runtime that computes the networks: ``onnxruntime``, ``openvino``, ``cuda:1`` or
        another of `renzheng.models.runtime.BACKENDS`, or ``auto``, the best that works here; by
        default ``$RENZHENG_BACKEND``, and onnxruntime without it.
    limits
        The sizes of pictures that are accepted.
    face_models
        The networks, loaded already. Then pack, detector and min_face_size are ignored; threads and
        backend apply to liveness only.

    Raises
    ------
    PackError
        If a pack is missing, damaged or of the wrong kind.
    InvalidInput
        If a role is unknown, liveness is asked of a probe that is not live, or a backend is unknown
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
        self.policy = arguments.checked_policy(policy)
        self.roles = arguments.checked_roles(roles)
        self.limits = limits
        self.face_models = face_models or FaceModels.load(
            pack, detector, min_face_size=min_face_size, threads=threads, backend=backend
        )
        self.min_face_size = self.face_models.detector.min_face_size
        self.backend = self.face_models.backend
        self.pack, self.detector_pack = self.face_models.pack, self.face_models.detector_pack
        self.calibration = self.face_models.calibration
        self.liveness = arguments.loaded_liveness(liveness, threads, backend)
        arguments.check_liveness_role(self.liveness, self.roles[1])

    def with_policy(self, policy: Policy) -> Verifier:
        """Return this verifier with another policy; the networks are shared."""
        other = copy.copy(self)
        other.policy = arguments.checked_policy(policy)
        return other

    def with_roles(
        self, roles: tuple[Role | str, Role | str], *, liveness: bool = True
    ) -> Verifier:
        """Return this verifier with other roles; the networks are shared.

        Parameters
        ----------
        roles
            The roles of the reference and the probe, as in the constructor.
        liveness
            Whether to go on asking for liveness, if this verifier does.

        Raises
        ------
        InvalidInput
            If a role is unknown, or liveness is asked of a probe that is not live.
        """
        other = copy.copy(self)
        other.roles = arguments.checked_roles(roles)
        if not liveness:
            other.liveness = None
        arguments.check_liveness_role(other.liveness, other.roles[1])
        return other

    def verify(self, reference: Any, probe: Any) -> Verification:
        """Decide whether two pictures show the same person.

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
            As in `check_policy`.
        """
        self.check_policy()
        clock = Clock()
        with clock("total"):
            captures = acquisition.acquire_both(
                (reference, probe), self.roles, self.face_models, clock, self.limits
            )
            first, second = self._extract(captures, clock)
            outcome = self._judge(first, second, clock)
        return Verification(
            outcome=outcome,
            policy=self.policy.to_dict(),
            pack=self._packs(),
            reference=captures[0],
            probe=captures[1],
            timings_ms=clock.milliseconds,
        )

    def _extract(self, captures: tuple[Capture, ...], clock: Clock) -> list[FaceTemplate]:
        return extract_templates(
            captures,
            self.face_models,
            self.policy,
            clock,
            liveness=self.liveness,
            # Whether a live picture is the photograph on record; two photographs may be one.
            with_detail=self.roles[1] is Role.LIVE,
        )

    def _judge(self, reference: FaceTemplate, probe: FaceTemplate, clock: Clock) -> Outcome:
        found = [
            replace(finding, side=side)
            for side, template in zip(SIDES, (reference, probe), strict=True)
            for finding in template.findings
        ]
        comparison, same, live = None, None, None
        if reference.embedding is not None and probe.embedding is not None:
            strengths = reference.strength, probe.strength
            comparison = self.compare(reference.embedding, probe.embedding, strengths)
            found += findings.of_comparison(comparison)
            if self.calibration is not None and self.calibration.min_strength is not None:
                for side, template in zip(SIDES, (reference, probe), strict=True):
                    found += findings.of_unknown_strength(side, template)
            if reference.photo_detail is not None and probe.photo_detail is not None:
                with clock("same_picture"):
                    same = compare_details(reference.photo_detail, probe.photo_detail)
            live = probe.liveness
            found += findings.of_same_photo(same, self.policy)
            if same is not None and not same.same and self.calibration is not None:
                nearest = self.calibration.nearest_genuine
                found += findings.of_likeness(comparison, nearest, self.policy)
            if self.calibration is not None:
                found += findings.of_detector(self.calibration, self.detector_pack)
            found += findings.of_liveness(live, self.policy)
        decision, reason = self.policy.decide(comparison, found)
        return Outcome(decision, reason, comparison, same, live, tuple(found))

    def extract(self, picture: Any, role: Role | str, *, name: str | None = None) -> FaceTemplate:
        """Return the face template of a picture, for pictures that are compared often.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        role
            The picture's role: one of this verifier's.
        name
            The picture's name in results; by default that of `renzheng.images.describe`.

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
                arguments.checked_role(role),
                self.face_models,
                name=name,
                clock=clock,
                limits=self.limits,
            )
            (template,) = self._extract((capture,), clock)
        return replace(template, timings_ms=clock.milliseconds)

    def compare_templates(self, reference: FaceTemplate, probe: FaceTemplate) -> Outcome:
        """Decide whether two templates that `extract` has made are of the same person.

        The outcome is that of `verify`, but for rounding: an embedding that was computed by itself
        may differ in its last bits from one that was computed in a batch, and the distance by less
        than 1e-5.

        Parameters
        ----------
        reference, probe
            In the roles of this verifier, made by one with the same packs and policy.

        Raises
        ------
        InvalidInput
            As in `check_policy`, and if the roles or the packs are not this verifier's.
        """
        self.check_policy()
        if (reference.role, probe.role) != self.roles:
            raise InvalidInput(
                f"the templates have the roles {reference.role},{probe.role}, and this verifier "
                f"compares {','.join(self.roles)}"
            )
        for template in (reference, probe):
            if template.embedding is not None and template.pack != self.pack.digest:
                raise InvalidInput(
                    "the template was made with another pack",
                    source=template.source,
                    remedy="make it again with this one",
                )
            if template.detector not in ("", self.detector_pack.network_digest):
                raise InvalidInput(
                    "the face of the template was found by another detector",
                    source=template.source,
                    remedy="make it again with this one",
                )
        return self._judge(reference, probe, Clock())

    def acquire(self, picture: Any, role: Role | str = Role.PHOTO) -> Capture:
        """Return one side by itself: its faces, the chosen one, its crop and its quality.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        role
            The picture's role.

        Returns
        -------
        Capture
            With an `error` where there is no picture or no face.
        """
        return acquisition.acquire(
            picture, arguments.checked_role(role), self.face_models, limits=self.limits
        )

    def detect(self, picture: Any) -> list[Face]:
        """Return all faces that lie in a picture and can be aligned, the largest first.

        Raises
        ------
        UnreadableImage
            If the picture cannot be read.
        """
        return self.face_models.detect(images.read(picture, limits=self.limits))

    def align(self, picture: Any, face: Face | None = None, role: Role | str = Role.PHOTO) -> Image:
        """Return the aligned crop that the embedding network sees.

        Parameters
        ----------
        picture
            Anything that `renzheng.images.read` takes.
        face
            A face of the picture; by default the one that the role's rule chooses.
        role
            The picture's role.

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
            role, name = arguments.checked_role(role), images.describe(picture)
            try:
                detected = acquisition.find_faces(image, role, self.face_models)
                choice, _ = acquisition.choose(image, detected, role, self.face_models)
            except NoFace as error:
                raise NoFace(error.reason, source=name, remedy=error.remedy) from None
            image, face = detected.image, choice.face
        return alignment.align(image, face.landmarks, self.face_models.template)

    def embed(
        self, picture: Any, face: Face | None = None, role: Role | str = Role.PHOTO
    ) -> Floats:
        """Return the embedding of a picture's face: float32 (d,), unit length.

        Parameters
        ----------
        picture, face, role
            As in `align`, as are the errors.
        """
        embedding: Floats = self.embed_crops(self.align(picture, face, role)[None])[0]
        return embedding

    def embed_crops(self, crops: Image) -> Floats:
        """Return the embeddings of crops that are aligned already.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3) RGB, aligned to the pack's template.

        Returns
        -------
        float32 (n, d), rows of unit length
        """
        return self.face_models.embedder.embed(crops)

    def compare(
        self,
        reference: Floats,
        probe: Floats,
        strengths: tuple[float | None, float | None] = (None, None),
    ) -> Comparison:
        """Compare two embeddings of this verifier's pack.

        Parameters
        ----------
        reference, probe
            float32 (d,), unit length.
        strengths
            The strengths of their templates (`FaceTemplate.strength`). Where one is not known, the
            rates are those of pictures that show enough of a face.
        """
        return compare_embeddings(reference, probe, self.calibration, strengths)

    def check_policy(self) -> None:
        """Check, before any work, that the packs can keep what the policy promises.

        Raises
        ------
        InvalidInput
            If the pack is not calibrated, or not down to the false match rate that the policy
            asks for, or the policy demands what this verifier does not measure.
        """
        if self.calibration is None:
            raise InvalidInput(
                f"the pack {self.pack.name} has no calibration, so no policy can be applied",
                remedy=f"{calibrating(self.pack)} makes one; compare() needs none",
            )
        self.calibration.threshold_at(self.policy.max_fmr)
        for role in Role:
            if self.policy.demands(role) and role not in self.roles:
                raise InvalidInput(
                    f"the policy sets a minimum quality for {role} pictures, and neither side is "
                    "one",
                    remedy="choose other roles, or leave that minimum out",
                )
        if self.policy.min_liveness is not None and self.liveness is None:
            raise InvalidInput(
                "the policy sets min_liveness, and there is no liveness pack",
                remedy="give one (liveness=...), or leave min_liveness out",
            )

    def _packs(self) -> dict[str, str]:
        """Return names, versions and digests of all that is needed to repeat a result."""
        used = {"": self.pack, "detector": self.detector_pack}
        if self.liveness is not None and self.liveness.pack is not None:
            used["liveness"] = self.liveness.pack
        packs = {}
        for kind, pack in used.items():
            packs[kind or "name"] = pack.name
            prefix = f"{kind}_" if kind else ""
            packs[f"{prefix}version"] = pack.version
            packs[f"{prefix}digest"] = pack.digest
        packs["backend"] = self.face_models.backend
        packs["backend_version"] = self.face_models.backend_version
        packs["provider"] = self.face_models.provider
        return packs
