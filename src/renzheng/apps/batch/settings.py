"""What a run is done with, in plain values that go to other processes and machines."""

from __future__ import annotations

import json
from dataclasses import dataclass

from renzheng import __version__
from renzheng.errors import InvalidInput
from renzheng.models.packs import Pack
from renzheng.verification.comparison import Policy
from renzheng.verification.verifier import Verifier


@dataclass(frozen=True)
class Settings:
    """From which every process makes the same verifier.

    Attributes
    ----------
    pack, detector, liveness
        Names or folders of packs; no liveness is None.
    policy
        When a comparison is a match.
    roles
        Of the reference and the probe.
    min_face_size
        Pixels.
    backend
        What computes the networks.
    """

    pack: str
    detector: str
    liveness: str | None
    policy: Policy
    roles: tuple[str, str]
    min_face_size: int
    backend: str

    @classmethod
    def of(cls, verifier: Verifier) -> Settings:
        """Those of a verifier, whose packs are named by their folders.

        Raises
        ------
        InvalidInput
            If its liveness comes from no pack.
        """
        if verifier.liveness is not None and verifier.liveness.pack is None:
            raise InvalidInput("liveness comes from no pack, so no other process can load it")
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

    def verifier(self) -> Verifier:
        """The verifier, with one thread: several processes share the processor.

        One thread also gives the same bits wherever and however many of them work.
        """
        return Verifier(
            self.pack,
            detector=self.detector,
            policy=self.policy,
            roles=self.roles,
            liveness=self.liveness,
            min_face_size=self.min_face_size,
            threads=1,
            backend=self.backend,
        )


def conditions(verifier: Verifier) -> dict[str, str]:
    """All that results depend on besides the pictures, by the name of each in words."""
    live = None if verifier.liveness is None else verifier.liveness.pack
    return {
        "renzheng": __version__,
        "embedding pack": _named(verifier.pack),
        "detector": _named(verifier.detector_pack),
        "liveness pack": "none" if live is None else _named(live),
        **{
            f"policy {name}": json.dumps(value, sort_keys=True)
            for name, value in verifier.policy.to_dict().items()
        },
        "roles": ",".join(verifier.roles),
        "smallest face": f"{verifier.min_face_size} px",
        "backend": verifier.backend,
    }


def _named(pack: Pack) -> str:
    return f"{pack.name} {pack.version} {pack.digest}"
