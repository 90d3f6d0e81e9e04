"""``doctor``: the versions installed here, and a check that packs and networks work."""

from __future__ import annotations

import argparse
import platform
from functools import partial
from typing import Any

from renzheng._support.cpu import cores
from renzheng.apps.cli import FAILURE, options
from renzheng.errors import RenzhengError

_LIBRARIES = (
    "renzheng",
    "numpy",
    "openvino",
    "onnx",
    "opencv-python-headless",
    "Pillow",
)


def register(commands: Any) -> None:
    """Add the command of this module."""
    doctor = options.add_command(
        commands,
        "doctor",
        "show versions and packs, and check that the networks work",
        "Show what is installed, load the packs and check that the networks compute.",
    )
    options.add_detector(doctor)
    options.add_json(doctor)
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    from importlib import metadata

    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": cores(),
    }
    for library in _LIBRARIES:
        try:
            facts[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            facts[library] = "not installed"
    facts["backends"] = _backends()
    facts["pictures"] = _pictures()
    checks = {}
    for name, check in (
        ("onnxruntime", _check_onnxruntime),
        ("packs", _check_packs),
        ("networks", partial(_check_networks, arguments.detector)),
    ):
        try:
            checks[name] = check()
        except RenzhengError as error:
            checks[name] = f"FAILED: {error}"
    healthy = not any(outcome.startswith("FAILED") for outcome in checks.values())
    if arguments.json:
        options.print_json({**facts, "checks": checks, "healthy": healthy})
    else:
        for backend, state in facts.pop("backends").items():
            facts[f"--backend {backend}"] = state
        for fact, value in facts.items():
            print(f"{fact:<24}{value}")
        for check_name, outcome in checks.items():
            print(f"{check_name:<24}{outcome}")
        print("all is well" if healthy else "something is wrong: see FAILED above")
        print("how fast it is here, and what to set: renzheng bench")
    return 0 if healthy else FAILURE


def _backends() -> dict[str, str]:
    """Return the provider that computes with each backend, or why there is none."""
    from renzheng.models.runtime import BACKENDS, automatic, is_installed

    found = {}
    for name in BACKENDS:
        try:
            found[name] = automatic.attempt(name) if is_installed(name) else "not installed"
        except RenzhengError as error:
            found[name] = f"does not work: {error.reason}"
    return found


def _pictures() -> str:
    """Return the formats that are read here, and what is missing for the others."""
    from renzheng.images.decoding import formats

    found = formats()
    read = ", ".join(name for name, missing in found.items() if not missing)
    return "; ".join(
        [read, *(f"{name} needs {missing}" for name, missing in found.items() if missing)]
    )


def _check_onnxruntime() -> str:
    from renzheng.models.runtime import backends

    both = backends.conflict()
    if both is not None:
        raise both
    return ", ".join(backends.distributions()) or "not installed"


def _check_packs() -> str:
    from renzheng.models import packs

    found = []
    for name in packs.names():
        if packs.state(name) is packs.State.ABSENT:
            found.append(f"{name} not added")
        else:
            pack = packs.load(name)
            found.append(f"{pack.name} {pack.version} ({pack.digest[:12]})")
    return ", ".join(found)


def _check_networks(detector: str) -> str:
    import numpy as np

    from renzheng.verification.verifier import Verifier

    verifier = Verifier(detector=detector)
    size = verifier.pack.setting("input", "size")
    ramp = np.linspace(0, 255, size * size * 3).reshape(1, size, size, 3).astype(np.uint8)
    first, second = (verifier.embed_crops(ramp) for _ in range(2))
    if not np.isfinite(first).all() or abs(float(np.linalg.norm(first)) - 1) > 1e-5:
        raise RenzhengError("the embedding network gives no unit vector")
    if not np.array_equal(first, second):
        raise RenzhengError("the embedding network gives another answer the second time")
    if verifier.detect(np.zeros((120, 160, 3), np.uint8)):
        raise RenzhengError("the detector sees a face in a black picture")
    return (
        f"{verifier.backend}, by {verifier.face_models.provider}; "
        "detection and embedding compute and repeat"
    )
