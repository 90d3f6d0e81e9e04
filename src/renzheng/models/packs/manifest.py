"""A pack on disk: a folder with a manifest and the files whose digests it lists."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from renzheng._support.files import sha256
from renzheng.errors import PackError
from renzheng.models import onnx_files

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
            If the folder holds no pack, a file is missing or differs from its digest, or a network
            takes weights from a file that the manifest does not list.
        """
        path = folder / MANIFEST
        try:
            content = path.read_bytes()
            manifest = tomllib.loads(content.decode("utf-8"))
            name, version, kind = (str(manifest[key]) for key in ("name", "version", "kind"))
            files = {str(file): str(digest) for file, digest in manifest["files"].items()}
        except OSError as error:
            raise PackError(f"not a pack: {error.strerror}", source=str(path)) from error
        except (ValueError, KeyError, AttributeError) as error:
            raise PackError(f"not a pack manifest: {error}", source=str(path)) from error
        if kind not in KINDS:
            raise PackError(f"unknown kind of pack {kind!r}", source=str(path))
        for file, digest in files.items():
            if Path(file).name != file:
                raise PackError(f"a pack's file must lie in its folder: {file!r}", source=str(path))
            try:
                found = sha256(folder / file)
            except OSError as error:
                how = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
                raise PackError(f"{file} {how}: {error.strerror}", source=str(path)) from error
            if found != digest:
                raise PackError(f"{file} differs from its digest: it is damaged", source=str(path))
        _check_weights(folder, files)
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


def _check_weights(folder: Path, files: Collection[str]) -> None:
    """Make sure that a pack's networks take their weights from the pack's files alone."""
    with suppress(OSError):  # a folder may be closed to listing and its files open all the same
        if {entry.name for entry in folder.iterdir()} <= {MANIFEST, *files}:
            return  # there are no other files, and a network may be large to read
    for file in files:
        if not file.endswith(".onnx"):
            continue
        for weights in onnx_files.weights((folder / file).read_bytes()) or ():
            if weights not in files:
                raise PackError(
                    f"{file} takes weights from {weights!r}, which the manifest does not list",
                    source=str(folder / MANIFEST),
                )
