"""Networks that were trained with torch, here or elsewhere, as packs: weights become ONNX."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from renzheng._support.files import sha256
from renzheng.errors import InvalidInput, PackError
from renzheng.models import packs
from renzheng.models.converters import embedder
from renzheng.models.converters.presets import Preparation
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network
from renzheng.training import backbones, export, weights
from renzheng.training.backbones import Backbone
from renzheng.training.backbones.layers import PooledEmbedding
from renzheng.training.trainer import BEST

HEADS = ("keep", "drop")

_TOLERANCE = 1e-3  # of a number of a unit embedding, as for `renzheng train export`
_IMAGENET = 1000
_MAX_EMBEDDING = 1024  # numbers: a last layer of more is a classifier's


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A network with its weights, ready to embed.

    Attributes
    ----------
    network
        The module in evaluation mode.
    kind
        The kind of backbone.
    size
        The side of its input in px.
    source
        The file of the weights.
    conversion
        The steps that were taken with them.
    provenance
        Further facts about their origin.
    """

    network: nn.Module
    kind: Backbone
    size: int
    source: Path
    conversion: str
    provenance: Mapping[str, Any]


def import_torch(
    file: Path,
    destination: Path,
    *,
    licence: str,
    data_licence: str,
    preprocessing: Preparation | Mapping[str, Any] | None = None,
    backbone: str | None = None,
    head: str | None = None,
    name: str | None = None,
    size: int | None = None,
    provenance: embedder.Provenance | None = None,
    **more: Any,
) -> Pack:
    """Make a pack of weights that torch saved.

    Parameters
    ----------
    file
        A state dict or checkpoint (see `renzheng.training.weights`), or a run of
        ``renzheng train``: its folder, or one of its checkpoints.
    destination
        The pack's folder, which must not exist.
    licence, data_licence
        As in `renzheng.models.converters.embedder.import_onnx`.
    preprocessing
        The preparation of a face that the network was trained with. By default it is the
        backbone's; a mapping changes some of its attributes.
    backbone
        The name of the backbone; by default the one whose layers have the file's names.
    head
        For torchvision's networks: ``keep`` takes the outputs of the last layer as the embedding,
        ``drop`` the averaged features before it. By default it is kept where it has at most 1024
        outputs and not ImageNet's 1000.
    name, provenance, more
        As in `import_onnx`.
    size
        The side of the crops in px; by default the backbone's.

    Raises
    ------
    PackError
        If the file is refused, or the network in the pack differs from torch's.
    InvalidInput
        If the weights fit no backbone, or not the named one.
    """
    if head is not None and head not in HEADS:
        raise InvalidInput(f"head must be {' or '.join(HEADS)}, not {head!r}")
    loaded = _run(file / BEST, size) if file.is_dir() else _file(file, backbone, head, size)
    kind = loaded.kind
    if not isinstance(preprocessing, Preparation):
        usual = Preparation(kind.template, "RGB", (kind.mean,), (kind.scale,))
        preprocessing = replace(usual, **(preprocessing or {}))
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "network.onnx"
        export.write_onnx(loaded.network, loaded.size, plain, rewrite=False)
        said = {
            "weights": loaded.source.name,
            "weights_sha256": sha256(loaded.source),
            "backbone": kind.name,
            **loaded.provenance,
            **(provenance or {}),
        }
        pack = embedder.import_onnx(
            plain,
            Path(scratch) / "pack",
            preprocessing=preprocessing,
            licence=licence,
            data_licence=data_licence,
            name=name or destination.name,
            provenance=said,
            **{"description": _description(loaded), **more},
        )
        difference = _difference(loaded, pack)
        if not difference <= _TOLERANCE:
            raise PackError(
                f"the exported network differs from torch's by {difference:.2g}",
                source=str(file),
                remedy="please report this error with the backbone's name",
            )
        facts = dict(pack.manifest["provenance"])
        facts["conversion"] = f"{loaded.conversion}; {facts['conversion']}"
        facts["export_difference"] = float(f"{difference:.2g}")
        return packs.save_as(pack, destination, {}, {"provenance": facts})


def _run(path: Path, size: int | None) -> _Loaded:
    if not path.is_file():
        raise InvalidInput(
            "the folder is no run of `renzheng train` with a network",
            source=str(path.parent),
            remedy="name the run's folder, an ONNX file, or a file of torch weights",
        )
    recipe, network, state = export.load(path)
    kind = backbones.get(recipe.model.backbone)
    facts = {
        "recipe_digest": recipe.digest,
        "steps": int(state["step"]),
        "data": [Path(source).name for source in recipe.data.sources],
    }
    side = size or recipe.model.size or kind.input_size
    return _Loaded(network, kind, side, path, "the best network of a run", facts)


def _file(file: Path, backbone: str | None, head: str | None, size: int | None) -> _Loaded:
    content = weights.load(file)
    if isinstance(content, dict) and {"recipe", "backbone"} <= content.keys():
        return _run(file, size)
    state = weights.state_of(content, file)
    try:
        kind = weights.matching(state, backbone)
        network, done = _built(kind, state, head)
    except InvalidInput as error:
        raise InvalidInput(error.reason, source=str(file), remedy=_remedy(error)) from error
    return _Loaded(network.eval(), kind, size or kind.input_size, file, done, {})


def _built(kind: Backbone, state: dict[str, Tensor], head: str | None) -> tuple[nn.Module, str]:
    """Return a backbone with a state's weights, and what was done with them."""
    with torch.device("meta"):
        layers = kind.build().head
    first = next((value for name, value in state.items() if name.startswith(f"{layers[0]}.")), None)
    if first is not None:
        network = kind.build(len(first))
        dropped = backbones.load_state(network, state)
        names = sorted({name.split(".")[0] for name in dropped})
        return network, f"dropped {', '.join(names)}" if names else "all weights used"
    network = kind.build()
    if not isinstance(getattr(network, "embedding", None), PooledEmbedding):
        raise InvalidInput(f"the weights lack the last layer of {kind.name}")
    backbones.load_state(network, state, trunk_only=True)
    return network, _torchvision_head(network, state, head)


def _torchvision_head(network: nn.Module, state: dict[str, Tensor], head: str | None) -> str:
    """Put the averaged features, and the last layer if it is an embedding's, into a network."""
    last = weights.classifier(state)
    layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if head == "keep" and last is None:
        raise InvalidInput("the weights have no single last layer to keep", remedy="--head drop")
    if last is not None and head != "drop":
        weight, bias = last
        outputs = len(weight)
        if head == "keep" or (outputs != _IMAGENET and outputs <= _MAX_EMBEDDING):
            linear = nn.Linear(weight.shape[1], outputs, bias=bias is not None)
            linear.load_state_dict({"weight": weight, **({} if bias is None else {"bias": bias})})
            network.embedding = nn.Sequential(*layers, linear)
            return f"its last layer of {outputs} outputs is taken as the embedding"
    network.embedding = nn.Sequential(*layers)
    return "its classifier is dropped: the averaged features before it are the embedding"


def _difference(loaded: _Loaded, pack: Pack) -> float:
    """Return the largest difference between torch's and the pack's unit embeddings of noise."""
    noise = np.random.default_rng(0).normal(size=(3, 3, loaded.size, loaded.size))
    crops = noise.astype(np.float32)
    with torch.no_grad():
        expected = loaded.network(torch.from_numpy(crops)).numpy()
    rows = Network(pack.file(pack.setting("input", "file")))(crops)[0]
    pairs = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (rows, expected)]
    return float(np.abs(pairs[0] - pairs[1]).max())


def _description(loaded: _Loaded) -> str:
    return f"Embeddings of {loaded.size} x {loaded.size} faces by a {loaded.kind.name}."


def _remedy(error: InvalidInput) -> str | None:
    if error.remedy and "trunk_only" in error.remedy:
        return "name another backbone with --backbone, or export the network as ONNX"
    return error.remedy
