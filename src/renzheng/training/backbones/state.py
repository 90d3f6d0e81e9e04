"""Loading of a checkpoint's weights into a backbone, or an error that says why they do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from renzheng.errors import InvalidInput
from renzheng.training.backbones.layers import EmbeddingNetwork

# Names of the layer over the training set's classes in facenet-pytorch, torchvision and trainers in
# general. Where a backbone has a layer of that name (IResNet's fc), it is no classifier.
_CLASSIFIERS = ("logits", "fc", "classifier")
_WRAPPER = "module."  # prefix of DataParallel and DistributedDataParallel
_SHOWN = 3  # names in a message


def load_state(
    network: nn.Module, state: Mapping[str, Tensor], *, trunk_only: bool = False
) -> tuple[str, ...]:
    """Load a checkpoint's weights into a backbone, all or none.

    A prefix ``module.`` of every name is dropped, and so is a classifier (``logits``, ``fc``,
    ``classifier``) that the backbone does not have. Counters of batches, which old checkpoints
    lack, may be missing.

    Parameters
    ----------
    network
        Module that gets the weights, in place; only a backbone has a known head.
    state
        Tensors by name. They must be read from a file with ``torch.load(..., weights_only=True)``:
        a pickle can run code.
    trunk_only
        Whether the head is left as it is: for weights from another task or another dimension.

    Returns
    -------
    tuple of str
        The names in the checkpoint that were not used.

    Raises
    ------
    InvalidInput
        If names are missing or unknown, or shapes differ: a checkpoint of another backbone.
    """
    not_tensors = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if not_tensors:
        raise InvalidInput(
            f"the checkpoint's {not_tensors[0]} is no tensor",
            remedy="pass the state dict itself, often under state_dict or model",
        )
    given = _plain(state)
    own = network.state_dict()
    wanted = dict(own)
    dropped = [name for name in given if name not in own and name.split(".")[0] in _CLASSIFIERS]
    if trunk_only:
        head = network.head if isinstance(network, EmbeddingNetwork) else ()
        wanted = {name: value for name, value in own.items() if not _under(name, head)}
        dropped += [name for name in given if name in own and name not in wanted]
    used = {name: value for name, value in given.items() if name not in dropped}

    unneeded = ".num_batches_tracked"  # counts matter only to averages that renzheng does not use
    missing = [name for name in wanted if name not in used and not name.endswith(unneeded)]
    unknown = [name for name in used if name not in wanted]
    misshapen = [
        f"{name} {tuple(value.shape)} instead of {tuple(wanted[name].shape)}"
        for name, value in used.items()
        if name in wanted and value.shape != wanted[name].shape
    ]
    faults = [
        f"{word} {_some(names)}"
        for word, names in (
            ("lacks", missing),
            ("has unknown", unknown),
            ("has misshapen", misshapen),
        )
        if names
    ]
    if faults:
        raise InvalidInput(
            f"the checkpoint does not fit {type(network).__name__}: it {'; it '.join(faults)}",
            remedy="it is of another backbone or has another head: trunk_only leaves the head out",
        )
    network.load_state_dict(used, strict=False)
    return tuple(dropped)


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    wrapped = bool(state) and all(name.startswith(_WRAPPER) for name in state)
    given = {}
    for name, value in state.items():
        plain = name.removeprefix(_WRAPPER) if wrapped else name
        # torchvision's DenseNet files still say norm.1 for what its code calls norm1.
        given[re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", plain)] = value
    return given


def _under(name: str, layers: Iterable[str]) -> bool:
    return any(name.startswith(f"{layer}.") for layer in layers)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    rest = len(names) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown
