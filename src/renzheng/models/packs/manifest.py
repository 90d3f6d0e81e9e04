"""A pack on disk: a folder with a manifest and the files whose digests it lists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from renzheng._support import ownership
from renzheng._support.files import sha256
from renzheng._support.notation import MAX_TOML, from_toml
from renzheng.errors import PackError
from renzheng.models import onnx_files
from renzheng.models.packs import digests

MANIFEST = "pack.toml"
KINDS = ("detector", "embedder", "features", "liveness")


@dataclass(frozen=True, eq=False)
class Pack:
    """A network with everything needed to use it and to account for it.

    Attributes
    ----------
    name, version, kind
        `kind` is ``detector``, ``embedder``, ``features`` (of whole pictures) or ``liveness``.
    folder
        The folder of its files.
    digest
        SHA-256 of the manifest, which lists the digest of every other file: it identifies the
        pack's whole content.
    manifest
        The manifest's tables (input, embedding, alignment, provenance ...).
    """

    name: str
    version: str
    kind: str
    folder: Path
    digest: str
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Pack:
        """Read a pack's manifest and check every file against it.

        Raises
        ------
        PackError
            If the folder holds no pack, others could have changed it, a file is missing or differs
            from its digest, or a network takes weights from a file that the manifest does not list.
        """
        path = folder / MANIFEST
        ownership.check_folder(folder, [MANIFEST])
        try:
            with path.open("rb") as file_of_pack:
                content = file_of_pack.read(4 * MAX_TOML + 1)  # a character takes up to 4 bytes
            manifest = from_toml(content.decode("utf-8"))
            name, version, kind = (str(manifest[key]) for key in ("name", "version", "kind"))
            files = {str(file): str(digest) for file, digest in manifest["files"].items()}
        except OSError as error:
            raise PackError(f"not a pack: {error.strerror}", source=str(path)) from error
        except (ValueError, KeyError, AttributeError) as error:
            raise PackError(f"not a pack manifest: {error}", source=str(path)) from error
        if kind not in KINDS:
            raise PackError(f"unknown kind of pack {kind!r}", source=str(path))
        for file in files:
            if Path(file).name != file:
                raise PackError(f"a pack's file must lie in its folder: {file!r}", source=str(path))
        ownership.check_folder(folder, files)
        for file, digest in files.items():
            try:
                found = sha256(folder / file)
            except OSError as error:
                how = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
                raise PackError(f"{file} {how}: {error.strerror}", source=str(path)) from error
            if found != digest:
                raise PackError(f"{file} differs from its digest: it is damaged", source=str(path))
        _check_weights(folder, files, manifest)
        return cls(
            name=name,
            version=version,
            kind=kind,
            folder=folder,
            digest=hashlib.sha256(content).hexdigest(),
            manifest=manifest,
        )

    @cached_property
    def network_digest(self) -> str:
        """SHA-256 of everything that decides the network's output: its files and its input.

        It is equal for packs that differ in calibration, name or terms alone: their embeddings are
        the same.
        """
        said = ("name", "version", "description", "licence", "limits", "provenance", "source")
        measured = ("calibration", "measured")
        decisive = {k: v for k, v in self.manifest.items() if k not in (*said, *measured)}
        if "input" in decisive:  # the batch size changes its speed alone
            decisive["input"] = {k: v for k, v in decisive["input"].items() if k != "batch"}
        files = {k: v for k, v in self.manifest["files"].items() if k != "calibration.json"}
        text = json.dumps({**decisive, "files": files}, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def require(self, kind: str) -> None:
        """Make sure that the pack is of this kind.

        Raises
        ------
        PackError
            If the pack is of another kind.
        """
        if self.kind != kind:
            raise PackError(f"the pack {self.name} is of kind {self.kind}, not {kind}")

    def file(self, name: str) -> Path:
        """Return the path of one of the pack's checked files.

        Raises
        ------
        PackError
            If the manifest does not list the file.
        """
        if name not in self.manifest["files"]:
            raise PackError(f"the pack has no file {name!r}", source=str(self.folder))
        return self.folder / name

    def setting(self, table: str, key: str) -> Any:
        """Return one value of the manifest.

        Raises
        ------
        PackError
            If the manifest lacks the value.
        """
        try:
            return self.manifest[table][key]
        except (KeyError, TypeError) as error:
            raise PackError(
                f"the manifest lacks [{table}] {key}", source=str(self.folder / MANIFEST)
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest with folder and digest, for JSON."""
        return {**self.manifest, "folder": str(self.folder), "digest": self.digest}


def _check_weights(folder: Path, files: Mapping[str, str], manifest: Mapping[str, Any]) -> None:
    """Make sure that a pack's networks take their weights from the pack's files alone."""
    known = digests.complete(files)  # no need to read these, which are large
    named = set(_texts({key: each for key, each in manifest.items() if key != "files"}))
    for file in files.keys() - known - {"calibration.json"}:
        if file.endswith(".onnx") or file in named:
            _check_network(folder / file, files)


def _check_network(path: Path, files: Collection[str]) -> None:
    network = path.read_bytes()
    found = onnx_files.weights(network)
    if found is None:
        raise PackError(
            "it cannot be told which files this network takes its weights from",
            source=str(path),
            remedy="it is no ONNX file as exporters write it: export the network anew",
        )
    for weights in found:
        if weights not in files:
            raise PackError(
                f"{path.name} takes weights from {weights!r}, which the manifest does not list",
                source=str(path.with_name(MANIFEST)),
            )


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a manifest's tables, in which networks are named."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
