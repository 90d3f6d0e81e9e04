"""Weights that other trainers saved: state dicts in torch's files, and the backbone they fit.

A torch file is a pickle, which can run any code when it is loaded. Files are read with torch's
reader for weights alone, which knows tensors and plain values and refuses everything else.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from renzheng.errors import InvalidInput, PackError
from renzheng.training import backbones
from renzheng.training.backbones import Backbone

# Keys of trainers' checkpoints that hold the network; arcface_torch's comes first, because its
# checkpoints hold the classifier's state as well.
_KEYS = (
    "state_dict_backbone",
    "backbone",
    "state_dict",
    "model_state_dict",
    "model",
    "network",
    "net",
    "weights",
)
_WRAPPERS = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.", "network.", "net.")
_CLASSIFIERS = ("logits", "fc", "classifier")
_UNSAFE_BEFORE = (2, 6)  # torch 2.5's reader for weights alone could be made to run code
_COUNTER = ".num_batches_tracked"
_SAVE = "save the weights alone: torch.save(model.state_dict(), 'weights.pt')"


def load(path: Path) -> Any:
    """Load a torch file of tensors and plain values; nothing in it is executed.

    Raises
    ------
    PackError
        If the file cannot be read, or holds anything else.
    """
    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < _UNSAFE_BEFORE:
        raise PackError(
            f"torch {torch.__version__} cannot read the files of others safely",
            source=str(path),
            remedy="pip install 'torch>=2.6', or export the network as ONNX",
        )
    if _is_program(path):
        raise PackError(
            "it is a TorchScript program, and renzheng runs no code of a file",
            source=str(path),
            remedy=f"export the network as ONNX, or {_SAVE}",
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise PackError(
            f"the file cannot be read: {error.strerror or error}", source=str(path)
        ) from error
    # A damaged or hostile pickle can raise any exception.
    except Exception as error:
        raise _refusal(path, error) from error


def state_of(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the network's weights from a file's content.

    Parameters
    ----------
    content
        A state dict, or a trainer's checkpoint that holds one: arcface_torch's
        ``state_dict_backbone``, Lightning's ``state_dict`` and the like.
    path
        The file, for the message.

    Returns
    -------
    dict
        Tensors by name, float32 or whole numbers, without the prefixes of wrappers (``module.``).

    Raises
    ------
    PackError
        If it holds no weights.
    """
    state = _state(content)
    if not state:
        kind = type(content).__name__
        keys = ", ".join(map(str, list(content)[:5])) if isinstance(content, dict) else ""
        raise PackError(
            f"the file holds no weights, but a {kind}{f' with {keys}' if keys else ''}",
            source=str(path),
            remedy=_SAVE,
        )
    return _unwrapped(state)


def matching(state: Mapping[str, Tensor], name: str | None = None) -> Backbone:
    """Find the backbone whose layers have a state's names and shapes.

    Parameters
    ----------
    state
        Tensors by name, from `state_of`.
    name
        The name of the backbone, if it is known.

    Raises
    ------
    InvalidInput
        If no backbone has these layers, or the named one has others.
    """
    if name is not None:
        return backbones.get(name)
    given = _shapes(_as_named_here(state))
    for kind in backbones.BACKBONES.values():
        with torch.device("meta"):
            network = kind.build()
        head = tuple(f"{layer}." for layer in network.head)
        wanted = _shapes(network.state_dict())
        trunk = {key: shape for key, shape in wanted.items() if not key.startswith(head)}
        rest = given.keys() - trunk.keys()
        if all(given.get(key) == shape for key, shape in trunk.items()) and all(
            key.startswith(head) or key.split(".")[0] in _CLASSIFIERS for key in rest
        ):
            return kind
    some = ", ".join(list(state)[:3])
    raise InvalidInput(
        f"its layers ({some} ...) are those of no backbone that renzheng knows",
        remedy=f"export the network as ONNX and import that; known are "
        f"{', '.join(backbones.BACKBONES)}",
    )


def classifier(state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None] | None:
    """Return the weight and bias of a last layer in torchvision's names; None without one.

    Returns
    -------
    tuple
        float (outputs, features) and float (outputs,) or None.
    """
    for layer in ("fc", "classifier"):
        weight = state.get(f"{layer}.weight")
        if weight is not None and weight.ndim == 2:
            return weight, state.get(f"{layer}.bias")
    return None


def _state(content: Any) -> dict[str, Tensor]:
    """Return the tensors of a file's content, from under a trainer's key if it has one."""
    if not isinstance(content, Mapping):
        return {}
    for key in _KEYS:
        if isinstance(content.get(key), Mapping) and _state(content[key]):
            return _state(content[key])
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    return tensors if len(tensors) == len(content) else {}


def _unwrapped(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop prefixes that all names share, as wrappers and trainers give them."""
    while True:
        shared = [p for p in _WRAPPERS if all(name.startswith(p) for name in state)]
        if not shared:
            return {name: value.float() if value.is_floating_point() else value
                    for name, value in state.items()}  # fmt: skip
        state = {name.removeprefix(shared[0]): value for name, value in state.items()}


def _as_named_here(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # torchvision's DenseNet files still say norm.1 for what its code calls norm1.
    pattern = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
    return {pattern.sub(r"\1\2.", name): value for name, value in state.items()}


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(value.shape) for name, value in state.items() if not name.endswith(_COUNTER)
    }


def _is_program(path: Path) -> bool:
    """Return whether a file is a TorchScript archive, which torch would load and not only read."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def _refusal(path: Path, error: Exception) -> PackError:
    asked = re.search(r"GLOBAL ([\w.]+)", str(error))
    if isinstance(error, pickle.UnpicklingError) and asked:
        return PackError(
            f"it asks for {asked[1]} when it is loaded, and renzheng runs no code of a file",
            source=str(path),
            remedy=_SAVE,
        )
    return PackError(
        "not a torch file of weights, or a damaged one",
        source=str(path),
        remedy=f"fetch it again, or {_SAVE}",
    )
