"""An onnxruntime that claims to have a GPU, computes on the processor and notes its calls.

No GPU computes here, so these are tests of what is asked for, what is believed, and what is said.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from renzheng.models.runtime import Network

CUDA = "CUDAExecutionProvider"
PROCESSOR = "CPUExecutionProvider"
LOG = "FAKE_ONNXRUNTIME_LOG"
_PACKAGE = """
import os, sys
here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
before = list(sys.path)
sys.path[:] = [each for each in sys.path if os.path.abspath(each or ".") != here]
del sys.modules["onnxruntime"]
import onnxruntime
sys.path[:] = before
import fake_onnxruntime
for name, value in fake_onnxruntime.parts(onnxruntime).items():
    setattr(onnxruntime, name, value)
sys.modules["onnxruntime"] = onnxruntime
"""


def parts(
    real: ModuleType,
    provider: str = CUDA,
    *,
    falls: bool = False,
    raises: str = "",
    on_processor: tuple[str, ...] = (),
    records: bool = True,
    seen: list[Any] | None = None,
) -> dict[str, Any]:
    """Return what stands for the real module's own.

    ``falls``: sessions take the processor instead, without a word. ``raises``: they raise this,
    unless they may fall back. ``on_processor``: operators that stay on the processor. ``records``:
    whether sessions tell which provider has which operator, as from 1.24 on. ``seen``: the
    providers and keywords of each session are appended.
    """

    class InferenceSession(real.InferenceSession):  # type: ignore[misc, name-defined]
        def __init__(self, model: Any, options: Any, providers: list[Any], **keywords: Any):
            self._asked = [each if isinstance(each, str) else each[0] for each in providers]
            accelerated = self._asked[0] != PROCESSOR
            if accelerated and seen is not None:
                seen.append((providers, keywords))
            if accelerated and raises:
                assert keywords.get("enable_fallback") == 0, "it would print, and take another"
                raise RuntimeError(raises)
            super().__init__(model, options, providers=[PROCESSOR])
            if accelerated and not falls:
                note(f"{os.getpid()} session")

        def get_providers(self) -> list[str]:
            return [PROCESSOR] if falls else self._asked

        def get_provider_graph_assignment_info(self) -> list[Any]:
            if not records:
                raise AttributeError("too old")
            found = []
            for part in super().get_provider_graph_assignment_info():
                kinds = [each.op_type for each in part.get_nodes()]
                name = PROCESSOR if set(kinds) & set(on_processor) else self._asked[0]
                found.append(_part(name, kinds))
            return found

        def run(self, names: Any, inputs: dict[str, Any], *more: Any) -> Any:
            if self._asked[0] != PROCESSOR:
                note(f"{os.getpid()} {len(next(iter(inputs.values())))}")
            return super().run(names, inputs, *more)

    return {
        "get_available_providers": lambda: [provider, PROCESSOR],
        "InferenceSession": InferenceSession,
    }


def _part(name: str, kinds: list[str]) -> Any:
    nodes = [SimpleNamespace(op_type=kind) for kind in kinds]
    return SimpleNamespace(ep_name=name, get_nodes=lambda: nodes)


def note(line: str) -> None:
    if LOG in os.environ:
        with Path(os.environ[LOG]).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def package(folder: Path) -> Path:
    """Write a package that other processes import in place of the real one."""
    (folder / "onnxruntime").mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text(_PACKAGE, encoding="utf-8")
    return folder


class MakeRun:
    """Makes a process's function from a number to the network's answer for a batch of it."""

    def __init__(self, model: Path):
        self.model = model

    def __call__(self, threads: int | None) -> Any:
        network = Network(self.model, threads, backend="cuda")
        assert network.provider == CUDA

        def run(number: int) -> Any:
            return network(np.full((1 + number % 3, 3), number, np.float32))

        return run
