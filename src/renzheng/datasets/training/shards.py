"""Tar shards in WebDataset's form: ``000001.jpg`` beside ``000001.cls`` or ``000001.json``.

A set of a million small files is slow to copy and to list; a hundred shards are not. Nothing is
unpacked: the shards' headers are read once, pictures by their place in the file.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

from renzheng._support.notation import from_json
from renzheng.datasets.training.source import Handles, Named, Source
from renzheng.errors import InvalidInput, UnreadableImage

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_MAX_LABEL = 65536  # bytes


class Shards(Named):
    """Tar files of pictures.

    Parameters
    ----------
    paths
        The shards.

    Raises
    ------
    InvalidInput
        If a shard cannot be read, or they show fewer than two people. Members that are not ordinary
        files are passed over.
    """

    def __init__(self, paths: Sequence[Path]):
        self._paths = tuple(paths)
        self._handles = Handles()
        names, people, problems = [], [], []
        self._places: list[tuple[int, int, int]] = []  # shard, first byte, bytes
        for number, path in enumerate(self._paths):
            pictures: dict[str, tuple[int, int, int]] = {}
            labels: dict[str, str] = {}
            try:
                with tarfile.open(path, "r:") as shard:
                    for member in shard:
                        stem, suffix = os.path.splitext(member.name)  # noqa: PTH122
                        if not member.isfile():
                            continue
                        if suffix.lower() in _PICTURES:
                            pictures[stem] = number, member.offset_data, member.size
                        elif suffix in (".cls", ".json") and member.size <= _MAX_LABEL:
                            body = shard.extractfile(member)
                            assert body is not None  # an ordinary file has a body
                            labels[stem] = _label(body.read(), suffix)
                    _check_end(shard, path)
            except (OSError, tarfile.TarError, EOFError) as error:
                raise InvalidInput(f"not a tar shard: {error}", source=str(path)) from error
            for stem, place in pictures.items():
                if not labels.get(stem):
                    problems.append(f"{path.name}: {stem} has no label")
                    continue
                names.append(f"{path.name}/{stem}")
                people.append(labels[stem])
                self._places.append(place)
        super().__init__(str(self._paths[0].parent) if self._paths else "", names, people)
        self.problems = tuple(problems)

    def content(self, index: int) -> bytes:
        """Return a picture, encoded.

        Raises
        ------
        UnreadableImage
            If the shard is gone or cut short.
        """
        number, start, size = self._places[index]
        path = self._paths[number]
        try:
            file = self._handles.get(path)
            file.seek(start)
            content = file.read(size)
        except OSError as error:
            raise UnreadableImage(
                f"the file cannot be read: {error.strerror}", source=str(path)
            ) from error
        if len(content) < size:
            raise UnreadableImage("the shard ends in it", source=self.name(index))
        return content


def write_shards(source: Source, folder: Path, per_shard: int = 10_000) -> list[Path]:
    """Pack a source into ``shard-000000.tar`` and so on.

    Raises
    ------
    InvalidInput
        If the folder holds shards already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.tar")):
        raise InvalidInput(
            "there are shards already", source=str(folder), remedy="name another folder"
        )
    paths: list[Path] = []
    for first in range(0, len(source), per_shard):
        paths.append(folder / f"shard-{len(paths):06d}.tar")
        with tarfile.open(paths[-1], "w") as shard:
            for index in range(first, min(first + per_shard, len(source))):
                suffix = Path(source.name(index)).suffix.lower()
                suffix = suffix if suffix in _PICTURES else ".jpg"
                person = source.people[int(source.labels[index])].encode()
                for name, body in ((suffix, source.content(index)), (".cls", person)):
                    member = tarfile.TarInfo(f"{index:09d}{name}")
                    member.size = len(body)
                    shard.addfile(member, io.BytesIO(body))
    return paths


def _check_end(shard: tarfile.TarFile, path: Path) -> None:
    """Make sure that zeros or nothing follow: tarfile stops at a damaged header as at the end."""
    assert shard.fileobj is not None
    shard.fileobj.seek(shard.offset)
    if any(shard.fileobj.read(tarfile.BLOCKSIZE)):
        raise InvalidInput(f"the shard is damaged at byte {shard.offset}", source=str(path))


def _label(body: bytes, suffix: str) -> str:
    try:
        if suffix == ".cls":
            return body.decode("utf-8").strip()
        found = from_json(body)
        person = found.get("person", found.get("label")) if isinstance(found, dict) else None
        return str(person).strip() if isinstance(person, (str, int)) else ""
    except ValueError:
        return ""
