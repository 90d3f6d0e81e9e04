"""A verifier as plain values, from which other processes and machines make the same one."""

from __future__ import annotations

from dataclasses import dataclass

from renzheng.errors import InvalidInput
from renzheng.models.packs import DEFAULT_DETECTOR, DEFAULT_EMBEDDER
from renzheng.types import Role
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier


@dataclass(frozen=True)
class VerifierConfig:
    """The settings of a verifier; it can be pickled, which a verifier cannot.

    Attributes
    ----------
    pack, detector
        Names or folders of packs.
    liveness
        The same for the liveness pack; None does without.
    policy
        The condition for a match; None is the default policy.
    roles
        The roles of the reference and the probe.
    min_face_size
        The smallest face that is looked for, in pixels.
    backend
        The name of the runtime that computes the networks; None is the default one.
    """

    pack: str = DEFAULT_EMBEDDER
    detector: str = DEFAULT_DETECTOR
    liveness: str | None = None
    policy: Policy | None = None
    roles: tuple[str, str] = (Role.DOCUMENT, Role.LIVE)
    min_face_size: int = 40
    backend: str | None = None

    @classmethod
    def of(cls, verifier: Verifier) -> VerifierConfig:
        """Return the settings of a verifier, its packs named by their folders.

        Raises
        ------
        InvalidInput
            If its liveness networks come from no pack.
        """
        if verifier.liveness is not None and verifier.liveness.pack is None:
            raise InvalidInput(
                "the liveness networks come from no pack, so no other process can load them"
            )
        live = None if verifier.liveness is None else verifier.liveness.pack
        return cls(
            str(verifier.pack.folder),
            str(verifier.detector_pack.folder),
            None if live is None else str(live.folder),
            verifier.policy,
            (str(verifier.roles[0]), str(verifier.roles[1])),
            verifier.min_face_size,
            verifier.backend,
        )

    def verifier(self, threads: int | None = 1) -> Verifier:
        """Make the verifier.

        Parameters
        ----------
        threads
            Threads per network call. The default, one, suits several processes that share the
            processor, and gives the same bits whatever their number and machine; None leaves it to
            the runtime.
        """
        return Verifier(
            self.pack,
            detector=self.detector,
            policy=self.policy,
            roles=self.roles,
            liveness=self.liveness,
            min_face_size=self.min_face_size,
            threads=threads,
            backend=self.backend,
        )
