"""Networks that others publish: a catalogue of facts, and packs made of their files on request.

Nothing is fetched but by `add`, which takes a file from its pinned address or from the user, checks
its SHA-256 and keeps it whole or not at all.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from renzheng._support import ownership
from renzheng._support.notation import from_toml
from renzheng.errors import PackError
from renzheng.models.converters import downloads, sources
from renzheng.models.packs.cache import cache_folder, sources_folder
from renzheng.models.packs.manifest import Pack
from renzheng.models.packs.progress import to_stderr
from renzheng.models.packs.writer import unwritable

FILE = Path(__file__).with_name("published.toml")

_MAX_BYTES = 1 << 30  # the largest file of the catalogue has 261 MB
_PATIENCE = 120.0  # timeouts that a file may take in all: an hour, or 73 kB/s for the largest
_REMEDY = "free some space, or set RENZHENG_CACHE to a folder that you may write"


@dataclass(frozen=True)
class PublishedNetwork:
    """A network in the catalogue, with what its publisher states of it.

    Attributes
    ----------
    name
        The name of the network and of its pack.
    description, author
        The network in a line, and the people who made it.
    base, file, redirects
        The address of the file without its name, its name, and the domains that the address may
        send us on to.
    sha256
        The file's SHA-256.
    megabytes
        Its size in units of 1,000,000 bytes; None where it is not stated.
    format
        ``onnx`` or ``torch``.
    dimension
        The dimension of its embeddings.
    preset
        The preparation of a face, a name of `renzheng.models.converters.presets`.
    licence, terms, data_licence
        The licence of the weights as stated, its kind (``open``, ``non-commercial`` or
        ``unstated``), and the terms of the training data.
    accuracy, accuracy_source
        The stated accuracy and who states it; empty if nobody does.
    source
        The publisher's page.
    run
        Whether anybody of this project has run the file.
    notes
        Further facts to know before use.
    """

    name: str
    description: str
    author: str
    base: str
    file: str
    sha256: str
    dimension: int
    preset: str
    licence: str
    terms: str
    data_licence: str
    source: str
    run: bool
    format: str = "onnx"
    megabytes: float | None = None
    accuracy: str = ""
    accuracy_source: str = ""
    redirects: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the licence of the weights is stated and allows commercial use."""
        return self.terms == "open"

    @property
    def is_added(self) -> bool:
        """Whether its pack lies in the cache; it is not checked."""
        return location(self.name).exists()

    @property
    def how_to_add(self) -> str:
        """The command that adds it."""
        return f"renzheng packs add {self.name}{'' if self.is_open else ' --accept-licence'}"

    def to_dict(self) -> dict[str, Any]:
        """Return the facts, for JSON."""
        return {**asdict(self), "added": self.is_added, "add": self.how_to_add}


Importer = Callable[[PublishedNetwork, Path, Path, Mapping[str, Any]], Pack]


@cache
def networks() -> Mapping[str, PublishedNetwork]:
    """Return the catalogue by name."""
    tables = from_toml(FILE.read_text(encoding="utf-8"))
    found = {}
    for name, table in tables.items():
        facts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
        }
        found[name] = PublishedNetwork(name=name, **facts)
    return found


def location(name: str) -> Path:
    """Return the folder of a network's pack, whether it is there or not.

    Raises
    ------
    KeyError
        If the name is not in the catalogue.
    """
    network = networks()[name]
    # Another file or preparation makes another pack.
    said = f"{network.sha256} {network.preset} {network.format}"
    return cache_folder() / f"{name}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"


def loaded(name: str) -> Pack:
    """Return the pack of a network that was added.

    Its network's digest depends on the versions that converted it, and is not pinned; that of the
    file that it was made of is.

    Raises
    ------
    UntrustedPack
        If others could have changed it.
    PackError
        If it was not added, is damaged or is another one.
    """
    network, place = networks()[name], location(name)
    if not place.exists():
        raise PackError(f"the pack {name} is not here", remedy=f"add it: {network.how_to_add}")
    ownership.check_cache(place.parent)
    try:
        pack = Pack.load(place)
    except ownership.UntrustedPack:
        raise
    except PackError as error:
        raise PackError(
            f"the pack {name} is damaged: {error.reason}",
            source=str(place),
            remedy=f"add it again: {network.how_to_add}",
        ) from error
    made_of = pack.manifest.get("provenance", {}).get("weights_sha256")
    # A catalogue's pack has no calibration: one that was put in would decide who matches.
    if (
        made_of != network.sha256
        or pack.name != name
        or "calibration.json" in pack.manifest["files"]
    ):
        raise PackError(
            f"the pack {name} is not what `renzheng packs add` makes",
            source=str(place),
            remedy=f"add it again: {network.how_to_add}",
        )
    return pack


def add(
    name: str,
    given: Path | None = None,
    *,
    accept_licence: bool = False,
    base: str | None = None,
    timeout: float = 30.0,
    progress: Callable[[str], None] | None = None,
    importer: Importer | None = None,
) -> Pack:
    """Obtain a network's file, keep it, and make a pack of it.

    The network is used only without `given` and while the file is not kept yet.

    Parameters
    ----------
    name
        A name of the catalogue.
    given
        The file, or the folder that holds it; by default it is fetched from its pinned address.
    accept_licence
        Whether the user accepts a licence that is not stated or forbids commercial use.
    base
        Another address to fetch from.
    timeout
        The seconds that the server may stay silent.
    progress
        Called with one line before each long step; by default the line goes to standard error.
    importer
        The function that makes a pack of the network's file at a place, with keywords of
        `renzheng.models.converters.embedder.import_onnx`; that function by default. Files of torch
        need one.

    Raises
    ------
    PackError
        If the name is unknown, the licence has to be accepted, the file cannot be obtained or has
        another SHA-256 than wanted, it is no such network, or the cache cannot be written. No half
        a file and no half a pack is left.
    """
    network = networks()[name]
    say = progress or to_stderr
    if not network.is_open and not accept_licence:
        import shlex

        raise PackError(
            f"the weights of {name} are not for everybody: {network.licence}",
            remedy=f"read {network.source}, and if you may use it: {network.how_to_add}"
            + (f" --from {shlex.quote(str(given))}" if given else ""),
        )
    place, kept = location(name), sources_folder()
    try:
        place.parent.mkdir(0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(error, place.parent, _REMEDY) from error
    ownership.check_cache(place.parent)
    _obtain(network, given, kept, base or network.base, timeout, say)
    say(f"making the pack {name} in {place}")
    draft = place.with_name(f".{place.name}.new")
    shutil.rmtree(draft, ignore_errors=True)  # of one that was killed
    try:
        (importer or _import_onnx)(
            network, sources.place(kept, network.sha256), draft, _said(network)
        )
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    except OSError as error:
        raise unwritable(error, place.parent, _REMEDY) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return loaded(name)


def _obtain(
    network: PublishedNetwork,
    given: Path | None,
    kept: Path,
    base: str,
    timeout: float,
    say: Callable[[str], None],
) -> None:
    """Keep the network's file, unless it is kept already."""
    if sources.is_kept(network.sha256, kept):
        return
    if given is not None:
        path = given / network.file if given.is_dir() else given
        sources.keep_large(
            sources.pieces_of(path),
            network.sha256,
            kept,
            source=str(path),
            remedy=f"name {network.file} as its publisher gives it: {base}{network.file}",
        )
        return
    size = "" if network.megabytes is None else f" ({network.megabytes:.0f} MB)"
    say(f"fetching {network.file}{size} from {base}")
    address = base + network.file
    remedy = f"or fetch it elsewhere: {network.how_to_add} --from FILE"
    pieces = downloads.pieces(
        address,
        max_bytes=_MAX_BYTES,
        remedy=remedy,
        timeout=timeout,
        patience=_PATIENCE,
        redirects=network.redirects,
    )
    sources.keep_large(pieces, network.sha256, kept, source=address, remedy=remedy)


def _said(network: PublishedNetwork) -> dict[str, Any]:
    """Return the keywords of `import_onnx` that the catalogue decides."""
    from renzheng.models.converters import presets

    limits = [] if network.is_open else [f"The licence of its weights: {network.licence}."]
    if not network.run:
        limits.append("Nobody of this project has run it: its accuracy is its publisher's word.")
    provenance = {
        "author": network.author,
        "weights": network.base + network.file,
        "weights_sha256": network.sha256,
        "source": network.source,
    }
    if network.accuracy:
        stated = f"{network.accuracy} ({network.accuracy_source})"
        provenance["stated_accuracy"] = stated
    return {
        "preprocessing": presets.get(network.preset),
        "licence": network.licence,
        "data_licence": network.data_licence,
        "name": network.name,
        "description": f"{network.description}: {network.dimension}-d embeddings.",
        "provenance": provenance,
        "limits": [*limits, *network.notes],
    }


def _import_onnx(
    network: PublishedNetwork, file: Path, destination: Path, said: Mapping[str, Any]
) -> Pack:
    from renzheng.models.converters import embedder

    if network.format != "onnx":
        raise PackError(
            f"{network.name} is a file of {network.format}, which the command converts",
            remedy=network.how_to_add,
        )
    return embedder.import_onnx(file, destination, **said)
