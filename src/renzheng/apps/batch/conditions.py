"""The conditions of a run: all that its results depend on besides the pictures."""

from __future__ import annotations

import json

from renzheng import __version__
from renzheng.models.packs import Pack
from renzheng.verification.verifier import Verifier


def conditions(verifier: Verifier) -> dict[str, str]:
    """Return the conditions of a run with this verifier, each by its name in words."""
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
        "provider": verifier.face_models.provider,
    }


def _named(pack: Pack) -> str:
    return f"{pack.name} {pack.version} {pack.digest}"
