"""Preparation of aligned crops from raw pictures: parallel, resumable, with reasons for drops."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import cv2
import numpy as np

from renzheng import Verifier, images
from renzheng._support import files, processes
from renzheng._support.notation import from_json
from renzheng.datasets.training import Source, open_source
from renzheng.datasets.training.files import Files
from renzheng.errors import InvalidInput, RenzhengError, UnreadableImage
from renzheng.faces import alignment
from renzheng.faces.alignment import TEMPLATES
from renzheng.faces.selection import choose_face

Progress = Callable[[int, int], None]  # pictures done, pictures in all

JOURNAL, DROPPED = "prepared.jsonl", "dropped.csv"
_CHUNK = 16
_SUFFIX = re.compile(r"\.\w{1,5}$")


@dataclass(frozen=True)
class PreparedCrops:
    """Result of a preparation.

    Attributes
    ----------
    kept
        Number of crops in the output now.
    dropped
        Number of pictures that gave no crop, by reason.
    """

    kept: int
    dropped: dict[str, int]


@dataclass(frozen=True)
class Settings:
    """Settings of the crops. The journal holds a digest of them, class name included.

    Attributes
    ----------
    template
        Name of the alignment template.
    size
        Side of the crops in pixels; 0 for the template's own.
    min_face_size
        Width in pixels of the smallest faces that are looked for.
    detector
        Name or folder of the detector's pack.
    """

    template: str = "arcface-112"
    size: int = 0
    min_face_size: int = 20
    detector: str = "mtcnn"


def prepare(
    raw: Path,
    output: Path,
    settings: Settings | None = None,
    *,
    root: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> PreparedCrops:
    """Detect, align and cut the face of every picture: OUTPUT/PERSON/NAME.png.

    A picture that was done before, with the same bytes and settings, is not done again.

    Parameters
    ----------
    raw
        Anything that `renzheng.datasets.training.open_source` takes.
    output
        Folder of the crops, made as needed. It also gets ``prepared.jsonl``, a line for every
        picture, and ``dropped.csv``, the pictures that gave no crop, and why.
    settings
        Settings of the crops.
    root
        Folder that a table's paths start from.
    workers
        Number of processes.
    progress
        Called with the number of pictures done.

    Raises
    ------
    InvalidInput
        If there are no pictures, the output lies in the input, or it was made with other settings.
    RenzhengError
        If a crop cannot be written.
    """
    settings = settings or Settings()
    if settings.template not in TEMPLATES:
        raise InvalidInput(
            f"unknown alignment template {settings.template!r}",
            remedy=f"one of {', '.join(TEMPLATES)}",
        )
    source = _open(raw, output, root)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RenzhengError(
            f"the folder cannot be made: {error.strerror}", source=str(output)
        ) from error
    settings_digest = hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
    names = _crop_names(source)
    dropped = _done_before(source, names, output, settings_digest)
    missing = [index for index, name in enumerate(names) if name not in dropped]
    if progress:
        progress(len(dropped), len(names))
    with _open_journal(output / JOURNAL) as journal:
        for part, results in _cut(missing, source, settings, workers):
            for index, result in zip(part, results, strict=True):
                name = names[index]
                _write_crop(output / name, result.crop)
                entry = {
                    "crop": name,
                    "digest": result.digest,
                    "dropped": result.dropped,
                    "key": settings_digest,
                }
                journal.write(json.dumps(entry) + "\n")
                dropped[name] = result.dropped
            journal.flush()
            if progress:
                progress(len(dropped), len(names))
    rows = [(source.name(i), dropped[name]) for i, name in enumerate(names) if dropped[name]]
    with (output / DROPPED).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("picture", "reason"), *rows])
    reasons = Counter(reason.split(":")[0] for _, reason in rows)
    return PreparedCrops(len(names) - len(rows), dict(reasons))


def _open(raw: Path, output: Path, root: Path | None) -> Source:
    """Open the pictures, unless the crops would lie among them."""
    if raw.is_dir() and output.resolve().is_relative_to(raw.resolve()):
        raise InvalidInput(
            "the crops would lie among the pictures",
            source=str(output),
            remedy="name a folder outside",
        )
    source = open_source(raw, root)
    # A table may lie beside its pictures, and OUTPUT/PERSON/NAME.png may be one of them.
    folders = {path.parent for path in source.paths} if isinstance(source, Files) else set()
    if any(folder.resolve().is_relative_to(output.resolve()) for folder in folders):
        raise InvalidInput(
            "the crops could overwrite the pictures in this folder",
            source=str(output),
            remedy="name another folder",
        )
    return source


def _crop_names(source: Source) -> list[str]:
    """Return PERSON/PICTURE.png for every picture: no name and no person's folder occurs twice."""
    people = _distinct([(person, _safe(person)) for person in source.people])
    stems: dict[int, list[tuple[str, str]]] = {}
    for index, person in enumerate(source.labels):
        name = source.name(index)
        # Not Path.stem, which takes "train.rec record 8" for "train".
        stem = _safe(_SUFFIX.sub("", name.rsplit("/", 1)[-1]))
        stems.setdefault(int(person), []).append((name, stem))
    remaining = {person: iter(_distinct(names)) for person, names in stems.items()}
    return [f"{people[int(person)]}/{next(remaining[int(person)])}.png" for person in source.labels]


def _distinct(names: Sequence[tuple[str, str]]) -> list[str]:
    """Return file names for (full, safe) names, with a digest of the full one where two agree."""
    count = Counter(safe.casefold() for _, safe in names)
    return [
        safe
        if count[safe.casefold()] == 1
        else f"{safe}-{hashlib.sha256(full.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
        for full, safe in names
    ]


def _safe(text: str) -> str:
    """Return a file name that every system takes, and that no reader skips as hidden."""
    kept = "".join(c if c.isalnum() or c in "-_. " else "_" for c in text)
    # Systems allow 255 bytes, and a digest and a suffix follow.
    return kept.encode("utf-8", "replace")[:200].decode("utf-8", "ignore").strip(". ") or "_"


def _done_before(
    source: Source, names: Sequence[str], output: Path, settings_digest: str
) -> dict[str, str]:
    """Return by crop why its picture gave none, "" if it did, for pictures that are done."""
    known = _read_journal(output / JOURNAL, settings_digest)
    done = {}
    for index, name in enumerate(names):
        digest, dropped = known.get(name, ("", ""))
        if digest and (dropped or (output / name).is_file()) and digest == _digest(source, index):
            done[name] = dropped
    return done


def _read_journal(path: Path, settings_digest: str) -> dict[str, tuple[str, str]]:
    """Return by crop the picture's digest, and why it gave no crop."""
    known: dict[str, tuple[str, str]] = {}
    if not path.exists():
        return known
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = from_json(line)
            crop, digest, dropped = (str(entry[k]) for k in ("crop", "digest", "dropped"))
            other_settings = entry["key"] != settings_digest
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the last run was stopped
        if other_settings:
            raise InvalidInput(
                "the crops here were made with other settings",
                source=str(path.parent),
                remedy="name another folder",
            )
        known[crop] = digest, dropped
    return known


def _open_journal(path: Path) -> IO[str]:
    """Open the journal to append lines, after the end of one that was left unfinished."""
    unfinished = path.is_file() and not path.read_bytes().endswith(b"\n")
    journal = path.open("a", encoding="utf-8")
    if unfinished:  # or the next line would be lost with it
        journal.write("\n")
    return journal


def _write_crop(path: Path, crop: bytes | None) -> None:
    """Write a crop; without one, remove the crop of a picture that has changed since."""
    if crop is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, crop)
    elif path.is_file():
        path.unlink()


class Result(NamedTuple):
    """Result for one picture: its SHA-256, the crop as PNG or None, and why there is none."""

    digest: str
    crop: bytes | None
    dropped: str


class _Cutter:
    def __init__(self, settings: Settings, threads: int | None = None):
        template = TEMPLATES[settings.template]
        if settings.size:
            template = template.scaled(settings.size)
        self._template = template
        self._verifier = Verifier(
            detector=settings.detector, min_face_size=settings.min_face_size, threads=threads
        )

    def __call__(self, content: bytes, name: str) -> Result:
        digest = hashlib.sha256(content).hexdigest()
        try:
            image = images.read(content, name=name)
        except UnreadableImage as error:
            return Result(digest, None, f"unreadable: {error.reason}")
        faces = self._verifier.detect(image)
        if not faces:
            return Result(digest, None, "no face was found")
        face = choose_face(faces, (image.shape[1], image.shape[0]))
        crop = alignment.align(image, face.landmarks, self._template)
        _, code = cv2.imencode(".png", np.ascontiguousarray(crop[:, :, ::-1]))
        return Result(digest, code.tobytes(), "")


def _content(source: Source, index: int) -> bytes:
    try:
        return source.content(index)
    except UnreadableImage:
        return b""  # cutting reports it as unreadable


def _digest(source: Source, index: int) -> str:
    return hashlib.sha256(_content(source, index)).hexdigest()


def _cut(
    indices: Sequence[int], source: Source, settings: Settings, workers: int
) -> Iterator[tuple[Sequence[int], list[Result]]]:
    """Cut the crops of pictures, and yield some at a time."""
    return processes.map_in_order(
        [indices[i : i + _CHUNK] for i in range(0, len(indices), _CHUNK)],
        partial(_make_worker, settings),
        load=lambda part: [(_content(source, i), source.name(i)) for i in part],
        workers=workers,
        worth=3,
    )


def _make_worker(
    settings: Settings, threads: int | None
) -> Callable[[list[tuple[bytes, str]]], list[Result]]:
    cutter = _Cutter(settings, threads)
    return lambda pictures: [cutter(content, name) for content, name in pictures]
