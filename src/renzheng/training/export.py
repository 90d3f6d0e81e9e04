"""Export of a run's network as a pack for `renzheng verify --pack`."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from renzheng import Verifier
from renzheng._support.notation import from_json
from renzheng.datasets import people as people_folder
from renzheng.errors import InvalidInput, PackError
from renzheng.evaluation.comparisons import recalibration
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator, Progress
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network
from renzheng.training import backbones, checkpoint, validation
from renzheng.training.builders import open_sources
from renzheng.training.dataset import Crops, to_input
from renzheng.training.recipe import Recipe
from renzheng.training.trainer import BEST
from renzheng.types import Floats

_TOLERANCE = 1e-4
_CHECKED = 16  # crops that are compared with torch's embeddings
_RANGED = 512  # crops to measure an 8-bit network's ranges on
_BATCH = 8  # crops at a time while all tensors are in memory


@dataclass(frozen=True, eq=False)
class Export:
    """Result of an export.

    Attributes
    ----------
    pack
        The pack that was written.
    difference
        Largest difference between numbers of torch's and the pack's unit embeddings.
    held_out
        Measurement of the calibration on people whom it was not fitted on; None without one.
    """

    pack: Pack
    difference: float
    held_out: recalibration.Recalibration | None


def export(
    run: Path,
    output: Path,
    *,
    name: str | None = None,
    calibrate: Path | None = None,
    terms: str = "",
    int8: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> Export:
    """Write a run's best network as a pack.

    Parameters
    ----------
    run
        Folder of the run.
    output
        Folder of the pack; it must not exist.
    name
        Name of the pack; by default the folder's.
    calibrate
        Folder of people, aligned as the training crops, to fit false match rates on; by default the
        recipe's validation people. Half of them are held out to test on.
    terms
        Licence of the training pictures, for the manifest.
    int8
        Whether weights and activations become 8-bit: see `renzheng.models.graph.quantisation`.
        Ranges are measured on 512 training crops.
    command
        Command line, for the provenance.
    progress
        Called with the progress of the calibration.

    Raises
    ------
    PackError
        If `output` exists, or the exported network differs from torch's.
    RenzhengError
        If the run has no network yet.
    """
    from renzheng.models.graph import quantisation

    recalibration.check(output, 0.5)
    recipe, network, state = load(run / BEST)
    kind = backbones.get(recipe.model.backbone)
    size = recipe.model.size or kind.input_size
    crops = _some_crops(recipe, size, _CHECKED)
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "network.onnx"
        write_onnx(network, size, plain)
        expected = validation.embed(network, crops, kind.mean, kind.scale, torch.device("cpu"))
        difference = _largest_difference(plain, crops, expected, kind)
        if not difference <= _TOLERANCE:
            raise PackError(
                f"the exported network differs from torch's by {difference:.2g} on "
                f"{len(crops)} crops",
                source=str(run),
                remedy="please report this error with the recipe",
            )
        file = plain
        if int8:
            file = Path(scratch) / "int8.onnx"
            _quantise(plain, file, _some_crops(recipe, size, _RANGED), kind)
        manifest = _manifest(recipe, network, run, name or output.name, terms, state)
        manifest["provenance"]["export_difference"] = float(f"{difference:.2g}")
        manifest["provenance"]["precision"] = quantisation.PRECISION if int8 else "float32"
        draft = packs.write(Path(scratch) / "draft", {"embedder.onnx": file.read_bytes()}, manifest)
        people = calibrate or (Path(recipe.validation.source) if recipe.validation.source else None)
        if people is None:
            return Export(packs.save_as(draft, output, {}, {}), difference, None)
        if not people.is_dir():
            raise InvalidInput(
                "calibration needs a folder of people", source=str(people), remedy="--calibrate"
            )
        evaluator = Evaluator(
            Verifier(draft.folder), EvaluationSettings(aligned=kind.template), progress
        )
        calibrated = recalibration.recalibrate(
            evaluator, people_folder.read(people), output, command=command
        )
        return Export(calibrated.pack, difference, calibrated)


def load(path: Path) -> tuple[Recipe, backbones.EmbeddingNetwork, Mapping[str, Any]]:
    """Load a checkpoint: its recipe, its network in evaluation mode, and the whole state.

    Raises
    ------
    RenzhengError
        If there is no checkpoint, or it is not one of a run.
    """
    state = checkpoint.load(path)
    recipe = checkpoint.recipe_of(state, path)
    kind = backbones.get(recipe.model.backbone)
    network = kind.build(recipe.model.dimension or None, **recipe.model.options)
    network.load_state_dict(state["backbone"])
    network.eval()
    return recipe, network, state


def write_onnx(network: nn.Module, size: int, path: Path, *, rewrite: bool = True) -> None:
    """Write a network as ONNX with a free batch, rewritten so that it runs fast.

    Parameters
    ----------
    network
        Network in evaluation mode.
    size
        Side of the crops in pixels.
    path
        File to write.
    rewrite
        Whether the exact rewrites of `renzheng.models.graph` are applied: PReLU as fast operators,
        batch normalisation folded wherever possible.
    """
    import onnx

    from renzheng.models.graph import rewrites

    with warnings.catch_warnings():
        # torch warns that this exporter, which needs no further library, is old. It is the one
        # whose files onnxruntime folds best.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, size, size),),
            str(path),
            input_names=["crops"],
            output_names=["embeddings"],
            dynamic_axes={"crops": {0: "n"}, "embeddings": {0: "n"}},
            opset_version=17,
            do_constant_folding=True,
            dynamo=False,
        )
    if rewrite:
        onnx.save(rewrites.faster(onnx.load(path)), path)


def _some_crops(recipe: Recipe, size: int, max_crops: int) -> np.ndarray:
    source = open_sources(recipe.data)
    reader = Crops(source, size, None, 0)
    places = np.linspace(0, len(source) - 1, min(max_crops, len(source))).astype(int)
    return np.stack([reader.crop(int(i)) for i in places])


def _largest_difference(
    file: Path, crops: np.ndarray, expected: Floats, kind: backbones.Backbone
) -> float:
    batch = to_input(torch.from_numpy(crops), kind.mean, kind.scale).numpy()
    rows = Network(file)(np.ascontiguousarray(batch))[0]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return float(np.abs(rows - expected).max())


def _quantise(plain: Path, file: Path, crops: np.ndarray, kind: backbones.Backbone) -> None:
    import onnx

    from renzheng.models.graph import quantisation

    def batches() -> Iterator[np.ndarray]:
        for first in range(0, len(crops), _BATCH):
            part = torch.from_numpy(crops[first : first + _BATCH])
            batch = to_input(part, kind.mean, kind.scale).numpy()
            yield np.concatenate([batch, batch[..., ::-1]])  # mirror images are embedded too

    onnx.save(quantisation.quantise(onnx.load(plain), batches), file)


def _manifest(
    recipe: Recipe,
    network: backbones.EmbeddingNetwork,
    run: Path,
    name: str,
    terms: str,
    state: Mapping[str, Any],
) -> dict[str, Any]:
    kind = backbones.get(recipe.model.backbone)
    measured: dict[str, Any] = {}
    summary = run / "summary.json"
    if summary.exists():
        content = from_json(summary.read_text(encoding="utf-8"))
        if content.get("best_eer") is not None:
            measured["validation_eer"] = float(f"{content['best_eer']:.3g}")
    losses = " + ".join(f"{loss.weight:g} {loss.kind}" for loss in recipe.loss)
    return {
        "name": name,
        "version": "1",
        "kind": "embedder",
        "description": f"{kind.name} trained by renzheng with {losses}",
        "licence": terms or "not stated: the pictures' terms decide",
        "limits": [
            "Trained and measured on the data stated below and on nothing else: measure it on "
            "your own people before you rely on it.",
        ],
        "input": {
            "file": "embedder.onnx",
            "size": recipe.model.size or kind.input_size,
            "channels": "RGB",
            "mean": [kind.mean],
            "scale": kind.scale,
        },
        "embedding": {
            "dimension": network.dimension,
            "normalise": True,
            "mirror_average": True,
            "metric": "euclidean",
        },
        "alignment": {"template": kind.template},
        "provenance": {
            "data": [Path(source).name for source in recipe.data.sources],
            "terms": terms or "not stated",
            "recipe_digest": recipe.digest,
            "seed": recipe.run.seed,
            "steps": int(state["step"]),
        },
        **({"measured": measured} if measured else {}),
    }
