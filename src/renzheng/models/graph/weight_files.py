"""Networks whose files of weights get other names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, TensorProto

from renzheng.errors import PackError


def rename(network: bytes, names: Mapping[str, str]) -> bytes:
    """Return an ONNX file that takes its weights from files of other names.

    Parameters
    ----------
    network
        The content of an ONNX file.
    names
        The new name for each file that it takes weights from.

    Raises
    ------
    PackError
        If the content is no ONNX file, or a file of weights is not among the names.
    """
    model = ModelProto()
    try:
        model.ParseFromString(network)
    except DecodeError as error:
        raise PackError(f"the network cannot be read: {error}") from error
    for tensor in _tensors(model):
        for entry in tensor.external_data:
            if entry.key == "location":
                if entry.value not in names:
                    raise PackError(f"the network takes weights from {entry.value!r}, not known")
                entry.value = names[entry.value]
    content: bytes = model.SerializeToString()
    return content


def _tensors(message: Any) -> Iterator[TensorProto]:
    """Yield the tensors in a message, those of graphs within nodes too."""
    if isinstance(message, TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        for each in value if field.is_repeated else (value,):
            yield from _tensors(each)
