"""From raw pictures to aligned crops: in parallel, to be continued, nothing dropped in silence."""

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

import cv2
import numpy as np

from renzheng import Verifier, images
from renzheng._support import files, processes
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
class Preparation:
    """What came of it.

    Attributes
    ----------
    kept
        Crops that lie in the output now.
    dropped
        Pictures that gave none, by reason.
    """

    kept: int
    dropped: dict[str, int]


@dataclass(frozen=True)
class Settings:
    """How crops are cut.

    Attributes
    ----------
    template
        An alignment template.
    size
        Side of the crops in pixels; 0 for the template's own.
    min_face_size
        Smaller faces are not looked for.
    detector
        Name or folder of the pack.
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
) -> Preparation:
    """Find, align and cut the face of every picture: OUTPUT/PERSON/NAME.png.

    A picture that was done before, with the same bytes and settings, is not done again.

    Parameters
    ----------
    raw
        Anything that `renzheng.datasets.training.open_source` takes.
    output
        A folder, made as needed. Beside the crops: ``prepared.jsonl``, a line for every picture,
        and ``dropped.csv``, those that gave no crop, and why.
    settings
        How.
    root
        Where a table's paths start.
    workers
        Processes.
    progress
        Told how many are done.

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
            f"no alignment template is called {settings.template!r}",
            remedy=f"there are: {', '.join(TEMPLATES)}",
        )
    if raw.is_dir() and output.resolve().is_relative_to(raw.resolve()):
        raise InvalidInput(
            "the crops would lie among the pictures",
            source=str(output),
            remedy="name a folder outside",
        )
    source = open_source(raw, root)
    # A table may stand beside its pictures, and OUTPUT/PERSON/NAME.png may be one of them.
    folders = {path.parent for path in source.paths} if isinstance(source, Files) else set()
    if any(folder.resolve().is_relative_to(output.resolve()) for folder in folders):
        raise InvalidInput(
            "the crops could overwrite the pictures, which lie in here",
            source=str(output),
            remedy="name another folder",
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RenzhengError(f"it cannot be made: {error.strerror}", source=str(output)) from error
    key = hashlib.sha256(repr(settings).encode()).hexdigest()[:16]
    known = _read_journal(output / JOURNAL, key)
    torn = (output / JOURNAL).is_file() and not (output / JOURNAL).read_bytes().endswith(b"\n")
    wanted = _names(source)
    done: dict[str, str] = {}  # crop: reason, empty for a crop that was made
    missing = []
    for index, name in enumerate(wanted):
        before = known.get(name)
        if before is not None and (before[1] or (output / name).is_file()):
            digest = hashlib.sha256(_content(source, index)).hexdigest()
            if digest == before[0]:
                done[name] = before[1]
                continue
        missing.append(index)
    if progress:
        progress(len(done), len(wanted))
    tasks = [missing[i : i + _CHUNK] for i in range(0, len(missing), _CHUNK)]
    with (output / JOURNAL).open("a", encoding="utf-8") as journal:
        if torn:  # or the next line would be lost with the one that was not finished
            journal.write("\n")
        for part, results in _work(tasks, source, settings, workers):
            for index, (digest, code, reason) in zip(part, results, strict=True):
                place = output / wanted[index]
                if code is not None:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    files.write(place, code)
                elif place.is_file():
                    place.unlink()  # of a picture that has changed since
                entry = {"crop": wanted[index], "digest": digest, "dropped": reason, "key": key}
                journal.write(json.dumps(entry) + "\n")
                done[wanted[index]] = reason
            journal.flush()
            if progress:
                progress(len(done), len(wanted))
    rows = [(source.name(index), done[name]) for index, name in enumerate(wanted) if done[name]]
    with (output / DROPPED).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("picture", "reason"), *rows])
    kinds = Counter(reason.split(":")[0] for _, reason in rows)
    return Preparation(len(wanted) - len(rows), dict(kinds))


def _names(source: Source) -> list[str]:
    """PERSON/PICTURE.png for every picture, each once, and no two people in one folder."""
    people = _apart([(person, _safe(person)) for person in source.people])
    stems: dict[int, list[tuple[str, str]]] = {}
    for index, who in enumerate(source.labels):
        name = source.name(index)
        # Not Path.stem, which takes "train.rec record 8" for "train".
        stem = _safe(_SUFFIX.sub("", name.rsplit("/", 1)[-1]))
        stems.setdefault(int(who), []).append((name, stem))
    waiting = {who: iter(_apart(named)) for who, named in stems.items()}
    return [f"{people[int(who)]}/{next(waiting[int(who)])}.png" for who in source.labels]


def _apart(named: Sequence[tuple[str, str]]) -> list[str]:
    """File names, told apart by a digest of the full name where letters and case do not."""
    count = Counter(safe.casefold() for _, safe in named)
    return [
        safe
        if count[safe.casefold()] == 1
        else f"{safe}-{hashlib.sha256(full.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
        for full, safe in named
    ]


def _safe(text: str) -> str:
    """A file name that every system takes, and that no reader passes over as hidden."""
    kept = "".join(c if c.isalnum() or c in "-_. " else "_" for c in text)
    # Systems count bytes: 255 of them, and a digest and a suffix follow.
    return kept.encode("utf-8", "replace")[:200].decode("utf-8", "ignore").strip(". ") or "_"


def _read_journal(path: Path, key: str) -> dict[str, tuple[str, str]]:
    """What was done before, by crop: the picture's digest, and why it was dropped."""
    known: dict[str, tuple[str, str]] = {}
    if not path.exists():
        return known
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            crop, digest, dropped = (str(entry[k]) for k in ("crop", "digest", "dropped"))
            other = entry["key"] != key
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the last run was stopped
        if other:
            raise InvalidInput(
                "the crops here were made with other settings",
                source=str(path.parent),
                remedy="name another folder",
            )
        known[crop] = digest, dropped
    return known


Result = tuple[str, bytes | None, str]  # the picture's digest, the crop as PNG, why there is none


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
            return digest, None, f"unreadable: {error.reason}"
        faces = self._verifier.detect(image)
        if not faces:
            return digest, None, "no face was found"
        face = choose_face(faces, (image.shape[1], image.shape[0]))
        crop = alignment.align(image, face.landmarks, self._template)
        _, code = cv2.imencode(".png", np.ascontiguousarray(crop[:, :, ::-1]))
        return digest, code.tobytes(), ""


def _content(source: Source, index: int) -> bytes:
    try:
        return source.content(index)
    except UnreadableImage:
        return b""  # is said of it when its turn comes


def _work(
    tasks: Sequence[list[int]], source: Source, settings: Settings, workers: int
) -> Iterator[tuple[list[int], list[Result]]]:
    return processes.map_in_order(
        tasks,
        partial(_many, settings),
        load=lambda part: [(_content(source, i), source.name(i)) for i in part],
        workers=workers,
        worth=3,
    )


def _many(
    settings: Settings, threads: int | None
) -> Callable[[list[tuple[bytes, str]]], list[Result]]:
    cutter = _Cutter(settings, threads)
    return lambda pictures: [cutter(content, name) for content, name in pictures]
