"""An ONNX network of faces as anybody exported it, brought into the one form that packs have.

The form: one float input (n, 3, side, side), a free batch wherever the graph allows it, and one
float output (n, d). The sizes are read from the file, and everything else is found out by running
the network on noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorProto, helper, numpy_helper

from renzheng.errors import PackError, RenzhengError
from renzheng.models.graph import edits
from renzheng.models.graph.onnx_graph import branches
from renzheng.models.graph.rewrites import faster
from renzheng.models.runtime import Network

Array = npt.NDArray[Any]

_MAX_BYTES = 2 << 30  # protobuf's own limit
_MIN_DIMENSION, _MAX_DIMENSION = 16, 4096  # published face networks have 128 to 2048
_IMAGENET = 1000
_TOLERANCE = 2e-3  # of an embedding's length: rounding, also of half precision inside
_SIDES = 16, 1024  # px


@dataclass(frozen=True)
class EmbeddingGraph:
    """A network in the form of packs.

    Attributes
    ----------
    model
        The network: input float (n, 3, side, side), output float (n, dimension).
    side
        The width and height of its input in px.
    dimension
        The length of an embedding.
    fixed_batch
        The only number of pictures that it takes in one call; None if it takes any.
    scaling
        The mean and the factor that the network itself begins with, or None.
    changes
        The differences from the file, each in a few words.
    """

    model: ModelProto
    side: int
    dimension: int
    fixed_batch: int | None
    scaling: tuple[float, float] | None
    changes: tuple[str, ...]


def read(path: Path) -> ModelProto:
    """Read an ONNX file with the weights that lie in files beside it.

    Raises
    ------
    PackError
        If there is no such file, it is too large, or it is no ONNX network.
    """
    source = str(path)
    try:
        if not path.is_file():
            raise PackError("there is no such file", source=source)
        if path.stat().st_size > _MAX_BYTES:
            raise PackError("the file is larger than 2 GiB", source=source)
        model = onnx.load(source, load_external_data=False)
    except OSError as error:
        raise PackError(f"the file cannot be read: {error.strerror}", source=source) from error
    except (DecodeError, ValueError) as error:
        raise _no_network(source) from error
    if not model.graph.node:
        raise _no_network(source)
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    # onnx raises its own, OSError, ValueError and RuntimeError here.
    except Exception as error:
        raise PackError(
            f"weights that lie in a file of their own cannot be read: {_first_line(error)}",
            source=source,
            remedy="put the file that was exported with it into the same folder, under its name",
        ) from error
    return model


def convert(
    path: Path, size: int | None = None, tensor: str | None = None, usual: int = 112
) -> EmbeddingGraph:
    """Read a network and bring it into the form of packs.

    Parameters
    ----------
    path
        The ONNX file.
    size
        The side of the pictures in px, which is needed only where the file leaves it open.
    tensor
        The name of the tensor that holds the embedding; by default the only output that could.
    usual
        The side to try where the file leaves it open and `size` is None.

    Raises
    ------
    PackError
        If the file is no such network. The message says what it is instead, and what to do.
    """
    return _Conversion(read(path), str(path)).run(size, tensor, usual)


class _Conversion:
    """The conversion of one model, which it changes."""

    def __init__(self, model: ModelProto, source: str):
        self.model, self.source = model, source
        self.changes: list[str] = []
        graph = model.graph
        constants = {each.name for each in graph.initializer}
        inputs = [each for each in graph.input if each.name not in constants]
        if len(inputs) != 1:
            names = ", ".join(each.name for each in inputs) or "none"
            raise self._error(
                f"the network must have one input, a picture, not {len(inputs)} ({names})",
                "export the part that embeds faces alone",
            )
        edits.fill(graph.input, inputs)
        model.ir_version = max(model.ir_version, 4)  # before, weights had to be inputs as well
        self.input = graph.input[0]

    def run(self, size: int | None, tensor: str | None, usual: int) -> EmbeddingGraph:
        batch, last, side = self._sizes(size)
        chosen = side or size or usual
        if last:
            self._take_planes(chosen)
        self._set_input(batch or "n", chosen)
        if tensor is not None:
            self._cut(tensor)
        noise = _noise(chosen)
        count = batch or 1
        outputs = self._outputs(noise, count, chosen, open_size=side is None)
        name, rows = self._embedding(outputs, tensor)
        dimension = rows.shape[1]
        shape = next(value.shape for each, value in outputs.items() if each == name)
        self._keep(name, shape, dimension, batch or "n")
        expected = self._rows(self.model, noise, count)
        self._check(expected, dimension, named=tensor is not None)
        if batch is not None:
            self._free_batch(batch, chosen, noise, expected)
            batch = None if self.input.type.tensor_type.shape.dim[0].dim_param else batch
        self._make_faster(noise, batch or 1, expected)
        edits.tidy(self.model)
        scaling = edits.scaling(self.model)
        return EmbeddingGraph(self.model, chosen, dimension, batch, scaling, tuple(self.changes))

    def _sizes(self, size: int | None) -> tuple[int | None, bool, int | None]:
        """Return the fixed batch, whether channels come last, and the side; None for open."""
        kind = self.input.type.tensor_type
        what = TensorProto.DataType.Name(kind.elem_type)
        dims = [each.dim_value or None for each in kind.shape.dim]
        shown = f"{what} ({', '.join(str(v or 'any') for v in dims)})"
        if kind.elem_type != TensorProto.FLOAT:
            raise self._error(
                f"the input {self.input.name} must be float, not {shown}",
                "export the network in float32, without half precision or quantised inputs",
            )
        if len(dims) != 4:
            raise self._error(
                f"the input {self.input.name} must be pictures, (n, 3, side, side) or (n, side, "
                f"side, 3), not {shown}",
                "export the part that embeds faces alone",
            )
        batch, *rest = dims
        last = rest[2] == 3 and rest[0] != 3
        channels, high, wide = (rest[2], *rest[:2]) if last else rest
        if channels not in (3, None):
            raise self._error(
                f"the input must have 3 channels, not {channels}: {shown}",
                "renzheng embeds faces in colour",
            )
        if None not in (high, wide) and high != wide:
            raise self._error(
                f"the input must be square, not {wide} x {high} px",
                "the alignment templates are square: choose a network for square faces",
            )
        side = high or wide
        if side is not None and size is not None and side != size:
            raise self._error(f"the network takes {side} x {side} px, not {size}", "leave size out")
        for each in (side, size):
            if each is not None and not _SIDES[0] <= each <= _SIDES[1]:
                raise self._error(f"a side must be {_SIDES[0]} to {_SIDES[1]} px, not {each}", None)
        return batch, last, side

    def _take_planes(self, side: int) -> None:
        """Put a transposition before a network that takes (n, side, side, 3)."""
        old, new = self.input.name, edits.unused_name(self.model, "crops")
        node = helper.make_node("Transpose", [new], [old], perm=[0, 2, 3, 1])
        self.model.graph.node.insert(0, node)
        self.input.name = new
        self.changes.append("its channels come last, and are transposed")

    def _set_input(self, batch: int | str, side: int) -> None:
        dims = [batch, 3, side, side]
        edits.set_shape(self.input, dims)
        del self.model.graph.value_info[:]

    def _cut(self, tensor: str) -> None:
        """Make a tensor the only output."""
        graph = self.model.graph
        made = {name for node in graph.node for name in node.output if name}
        if tensor not in made:
            ends = [each.name for each in graph.output]
            raise self._error(
                f"the network has no tensor {tensor!r}", f"its outputs are {', '.join(ends)}"
            )
        if tensor not in {each.name for each in graph.output}:
            self.changes.append(f"cut at the tensor {tensor}")
        kept = helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None)
        edits.fill(graph.output, [next((e for e in graph.output if e.name == tensor), kept)])
        edits.prune(self.model)

    def _outputs(self, noise: Array, count: int, side: int, *, open_size: bool) -> dict[str, Array]:
        try:
            found = _network(self.model)(np.resize(noise, (count, *noise.shape[1:])))
        # The runtime's family of errors has no common root.
        except Exception as error:
            remedy = (
                "the file leaves the size open: give it with --size"
                if open_size
                else "export it again with torch.onnx.export, for onnxruntime"
            )
            reason = error.reason if isinstance(error, RenzhengError) else _first_line(error)
            raise self._error(
                f"the network does not run on {side} x {side} px: {reason}", remedy
            ) from error
        return dict(zip((e.name for e in self.model.graph.output), found, strict=True))

    def _embedding(self, outputs: dict[str, Array], chosen: str | None) -> tuple[str, Array]:
        """Return the output that holds the embedding, as (1, d)."""
        batch = self.input.type.tensor_type.shape.dim[0].dim_value or 1
        fitting = {
            name: value.reshape(batch, -1)
            for name, value in outputs.items()
            if _dimension(value, batch) >= _MIN_DIMENSION
        }
        shown = ", ".join(f"{name} {value.dtype} {value.shape}" for name, value in outputs.items())
        if not fitting:
            raise self._error(
                f"no output is an embedding, float (n, d) with {_MIN_DIMENSION} numbers or more; "
                f"there are: {shown}",
                "a detector or a classifier is no embedder; an inner tensor is named by --tensor",
            )
        if len(fitting) > 1:
            raise self._error(
                f"several outputs could be the embedding: {shown}", "name one with --tensor"
            )
        name, rows = next(iter(fitting.items()))
        if rows.shape[1] > _MAX_DIMENSION or (chosen is None and rows.shape[1] == _IMAGENET):
            raise self._error(
                f"its output {name} has {rows.shape[1]} numbers: those of a classifier, which say "
                "nothing about other people",
                "name the tensor before the classifier with --tensor",
            )
        if len(outputs) > 1:
            self.changes.append(f"of its {len(outputs)} outputs, {name} is kept")
        return name, rows

    def _keep(self, name: str, shape: tuple[int, ...], dimension: int, batch: int | str) -> None:
        """Make one output the only one, in the shape (n, d)."""
        graph = self.model.graph
        kept = name
        if len(shape) != 2:
            kept = edits.unused_name(self.model, "embeddings")
            to = edits.unused_name(self.model, "embeddings.shape")
            graph.initializer.append(
                numpy_helper.from_array(np.array([-1, dimension], np.int64), to)
            )
            graph.node.append(helper.make_node("Reshape", [name, to], [kept]))
            self.changes.append(f"its output is reshaped from {len(shape)} axes to two")
        value = helper.make_tensor_value_info(kept, TensorProto.FLOAT, [batch, dimension])
        edits.fill(graph.output, [value])
        edits.prune(self.model)

    def _rows(self, model: ModelProto, noise: Array, count: int) -> Array:
        """Return the embeddings of noise, each picture in a call of `count` equal ones."""
        network = _network(model)
        calls = (np.repeat(picture[None], count, axis=0) for picture in noise)
        return np.concatenate([network(call)[0][:1] for call in calls])

    def _check(self, rows: Array, dimension: int, *, named: bool) -> None:
        if not np.isfinite(rows).all():
            raise self._error("it embeds noise as numbers that are not finite", "export it again")
        if not np.ptp(rows, axis=0).any():
            raise self._error(
                "its output does not depend on the picture",
                "name the tensor that holds the embedding with --tensor",
            )
        probabilities = (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=1e-3)
        if probabilities and not named:
            raise self._error(
                f"its outputs are the probabilities of {dimension} classes, not an embedding",
                "name the tensor before the classifier with --tensor",
            )

    def _free_batch(self, batch: int, side: int, noise: Array, expected: Array) -> None:
        """Let the network take any number of pictures, if it still gives the same embeddings."""
        fixed = ModelProto()
        fixed.CopyFrom(self.model)
        if not branches(self.model):
            edits.free_reshapes(self.model, batch)
            self._set_input("n", side)
            output = self.model.graph.output[0]
            edits.set_shape(output, ["n", expected.shape[1]])
            # A sum with a constant (4, d) takes four, and no others.
            if all(self._agrees(self.model, noise[:n], expected[:n]) for n in (4, 2, 1)):
                self.changes.append(f"its batch of {batch} is free now")
                return
        self.model.CopyFrom(fixed)
        self.input = self.model.graph.input[0]

    def _make_faster(self, noise: Array, count: int, expected: Array) -> None:
        """Apply the exact rewrites, if the network still gives the same embeddings."""
        try:
            rewritten = faster(self.model)
        # A file that onnxruntime runs may still break a rule of ONNX, and stays as it is then.
        except Exception:
            return
        if self._agrees(rewritten, noise, expected, count):
            self.model = rewritten
            self.input = rewritten.graph.input[0]
            self.changes.append(
                "PReLU rewritten and batch normalisation folded where possible: exact up to "
                "rounding"
            )

    def _agrees(
        self, model: ModelProto, noise: Array, expected: Array, count: int | None = None
    ) -> bool:
        """Return whether a model embeds noise as expected, all at once or `count` at a time."""
        try:
            rows = self._rows(model, noise, count) if count else _network(model)(noise)[0]
        # The runtime's family of errors has no common root.
        except Exception:
            return False
        if rows.shape != expected.shape:
            return False
        off = np.linalg.norm(rows - expected, axis=1)
        return bool((off <= _TOLERANCE * np.linalg.norm(expected, axis=1)).all())

    def _error(self, reason: str, remedy: str | None) -> PackError:
        return PackError(reason, source=self.source, remedy=remedy)


def _dimension(output: Array, batch: int) -> int:
    """Return the numbers for each picture, if they have one axis longer than 1; else 0."""
    if output.dtype != np.float32 or output.ndim == 0:
        return 0
    shape = (1, *output.shape) if output.ndim == 1 and batch == 1 else output.shape
    longer = [each for each in shape[1:] if each != 1]
    return longer[0] if shape[0] == batch and len(longer) == 1 else 0


def _network(model: ModelProto) -> Network:
    return Network(bytes(model.SerializeToString()), backend="onnxruntime")


def _noise(side: int) -> Array:
    """Return four smooth pictures, two with values to 255 and two with values to 1."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)
    place = np.arange(side) * 8 // side
    smooth = coarse[:, :, place][:, :, :, place]
    return np.ascontiguousarray(np.concatenate([(smooth + 1) * np.float32(127.5), smooth]))


def _no_network(source: str) -> PackError:
    return PackError(
        "not an ONNX network",
        source=source,
        remedy="export it with torch.onnx.export",
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
