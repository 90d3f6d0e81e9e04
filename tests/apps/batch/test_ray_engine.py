"""The same tables and folders on Ray: two processes of a real instance, which the tests start."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fatal_pictures import Fatal
from PIL import Image as Pillow

from renzheng import InvalidInput, RenzhengError, UnreadableImage, Verifier
from renzheng.apps.batch import Begin, cluster, pairs, verify_pairs, workers
from renzheng.apps.batch.cluster import actors, nodes
from renzheng.apps.batch.cluster.plan import plan
from renzheng.apps.batch.pairs import Picture
from renzheng.apps.batch.run import Extraction, Plan
from renzheng.apps.cli import main
from renzheng.models import packs
from renzheng.verification.config import VerifierConfig
from renzheng.verification.templates import FaceTemplate

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'renzheng[ray]'")
pytest.importorskip("ray.data", reason="needs Ray Data: pip install 'renzheng[ray]'")

# Ray's and moto's own.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TABLE = """\
who,reference,probe
a,portrait.png,again.png
b,portrait.png,mirrored.png
c,again.png,mirrored.png
d,"blank, grey.png",again.png
e,none.png,again.png
f,,portrait.png
g,text.jpg,crowd.png
h,dark.png,light.png
i,portrait.png,crowd.png
j,http://example.org/a.jpg,light.png
k,portrait.png,again.png
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    portrait = pytest.importorskip("skimage.data").astronaut()[:320, 60:380]
    place = tmp_path_factory.mktemp("pictures")
    pictures = {
        "portrait": portrait,
        "again": np.asarray(Pillow.fromarray(portrait).resize((280, 280))),
        "mirrored": np.ascontiguousarray(portrait[:, ::-1]),
        "crowd": np.concatenate([portrait, portrait], axis=1),
        "blank, grey": np.full((200, 300, 3), 128, np.uint8),
        "dark": (portrait * 0.6).astype(np.uint8),
        "light": np.clip(portrait * 1.2, 0, 255).astype(np.uint8),
    }
    for name, pixels in pictures.items():
        Pillow.fromarray(pixels).save(place / f"{name}.png")
    (place / "text.jpg").write_bytes(b"no picture")
    (place / "pairs.csv").write_text(TABLE)
    return place


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    """An object store, by an address that processes which are started from now on know."""
    server_module = pytest.importorskip("moto.server", reason="needs moto's server")
    boto3 = pytest.importorskip("boto3")
    server = server_module.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        client = boto3.client("s3")
        client.create_bucket(Bucket="faces")
        yield client
    server.stop()


@pytest.fixture(scope="module")
def instance(store: Any) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Its processes import a module of these tests.
        known = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(known))
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1)


@pytest.fixture(scope="module")
def local(folder: Path, verifier: Verifier) -> bytes:
    verify_pairs(pairs.read(folder / "pairs.csv"), folder / "local.csv", verifier)
    return (folder / "local.csv").read_bytes()


def upload(store: Any, folder: Path) -> None:
    for file in folder.iterdir():
        store.put_object(Bucket="faces", Key=f"in/{file.name}", Body=file.read_bytes())


@pytest.mark.parametrize("size", [4, 32])
def test_answers_equal_those_of_one_machine_byte_for_byte(
    folder: Path, tmp_path: Path, verifier: Verifier, local: bytes, instance: None, size: int
) -> None:
    # In blocks of 4 pictures several need one picture, and templates travel; in one of 32 none do.
    engine = cluster.Engine(pictures=size)
    table = cluster.read_pairs(str(folder / "pairs.csv"))
    sides = np.array(Plan(table, ("document", "live")).sides)
    assert bool(len(plan(sides, size).shared)) == (size == 4)
    out = tmp_path / "ray.csv"
    told: list[tuple[int, int]] = []
    verify_pairs(
        table,
        out,
        verifier,
        engine=engine.run,
        tell=lambda _, done, all_: told.append((done, all_)),
    )
    assert out.read_bytes() == local
    assert told[-1][0] == told[-1][1]
    assert [path.name for path in tmp_path.iterdir()] == ["ray.csv"]


def test_what_one_machine_has_begun_is_finished_on_ray(
    folder: Path, tmp_path: Path, verifier: Verifier, local: bytes, instance: None
) -> None:
    table, out = pairs.read(folder / "pairs.csv"), tmp_path / "out.csv"

    def stop(_: str, done: int, __: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify_pairs(table, out, verifier, tell=stop)
    engine = cluster.Engine(pictures=4)
    verify_pairs(table, out, verifier, begin=Begin.RESUME, engine=engine.run)
    assert out.read_bytes() == local


def test_table_pictures_and_results_may_lie_in_a_store(
    folder: Path,
    store: Any,
    local: bytes,
    instance: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upload(store, folder)
    words = ["batch", "s3://faces/in/pairs.csv", "-o", "s3://faces/out/results.csv"]
    assert main([*words, "--engine", "ray"]) == 4  # some rows could not be compared
    found = store.get_object(Bucket="faces", Key="out/results.csv")["Body"].read()
    # A missing object is called one, and a missing file a file.
    rows, expected = (text.decode().splitlines() for text in (found, local))
    differing = [
        k for k, (one, other) in enumerate(zip(rows, expected, strict=True)) if one != other
    ]
    assert [rows[k].split(",")[0] for k in differing] == ["e"]
    assert "no such object" in rows[differing[0]]
    capsys.readouterr()
    assert main([*words, "--engine", "ray", "--resume"]) == 2
    assert main(words) == 2
    assert "--engine ray" in capsys.readouterr().err


def test_the_command_writes_what_it_writes_on_one_machine(
    folder: Path, tmp_path: Path, local: bytes, instance: None
) -> None:
    out = tmp_path / "out.csv"
    words = ["batch", str(folder / "pairs.csv"), "-o", str(out), "--root", str(folder)]
    assert main([*words, "--engine", "ray", "--workers", "2"]) == 4
    assert out.read_bytes() == local


def test_folders_are_embedded_alike_here_on_ray_and_in_a_store(
    folder: Path, tmp_path: Path, store: Any, instance: None, capsys: pytest.CaptureFixture[str]
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    upload(store, folder)
    outputs = [tmp_path / f"{name}.parquet" for name in ("local", "ray", "store")]
    assert main(["embed", str(folder), "-o", str(outputs[0]), "--workers", "1"]) == 4
    assert main(["embed", str(folder), "-o", str(outputs[1]), "--engine", "ray"]) == 4
    assert main(["embed", "s3://faces/in", "-o", str(outputs[2]), "--engine", "ray"]) == 4
    one, other, stored = map(parquet.read_table, outputs)
    assert one.equals(other)
    assert one.num_rows == 8
    names = [path.rpartition("/")[2] for path in one["path"].to_pylist()]
    assert stored["path"].to_pylist() == [f"s3://faces/in/{name}" for name in names]
    for column in ("embedding", "box", "landmarks", "score", "digest"):
        assert stored[column].equals(one[column])


def test_a_dead_process_loses_no_picture_and_doubles_none(
    folder: Path, tmp_path: Path, verifier: Verifier, instance: None
) -> None:
    names = [str(folder / f"{name}.png") for name in ("portrait", "again", "dark", "light")] * 3
    steps = [Fatal(path, str(tmp_path), int("dark" in path)) for path in names]
    engine = cluster.Engine(pictures=2)
    found = [result for _, _, result in engine.map_steps(steps, VerifierConfig.of(verifier))]
    assert found == names
    assert len(list(tmp_path.iterdir())) == 1


def test_a_picture_that_ends_every_process_ends_the_run_and_is_named(
    folder: Path, tmp_path: Path, verifier: Verifier, instance: None
) -> None:
    steps = [Fatal(str(folder / "dark.png"), str(tmp_path), 99)]
    with pytest.raises(RenzhengError, match=r"died 4 times .*dark\.png"):
        list(cluster.Engine().map_steps(steps, VerifierConfig.of(verifier)))


def test_a_node_that_would_answer_otherwise_is_refused(
    verifier: Verifier, instance: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = VerifierConfig.of(verifier)
    with cluster.Cluster() as here:
        # By names, since a node has its packs in a cache of its own.
        named = here.check(settings)
        assert (named.pack, named.detector) == (packs.DEFAULT_EMBEDDER, packs.DEFAULT_DETECTOR)
        told = nodes.conditions(verifier)
        monkeypatch.setattr(nodes, "conditions", lambda _: {**told, "embedding pack": "mine"})
        with pytest.raises(RenzhengError, match=r"node .* another embedding pack .*here mine"):
            here.check(settings)


def test_a_template_that_was_lost_with_a_node_is_made_again(
    folder: Path, verifier: Verifier, instance: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Extraction(5, Picture(str(folder / "portrait.png"), "document", "portrait.png"))
    _, template = workers.do_step(step, verifier)
    assert isinstance(template, FaceTemplate)
    part = ray.put(actors.template_table({5: template}, {}))
    work = actors.Work([(0, 5, 5)], {5: step}, {5: (0, 0)})

    def lost(reference: Any) -> None:
        raise ray.exceptions.ObjectLostError(reference.hex(), None, "")

    gone = types.SimpleNamespace(get=lost, exceptions=ray.exceptions)
    for module, read in ((ray, set()), (gone, {5})):
        monkeypatch.setattr(actors, "require", lambda module=module: module)
        stamps: dict[int, tuple[int, int]] = {}
        comparer = actors.Comparer(VerifierConfig.of(verifier), None, [part])
        found = comparer._template(5, work, stamps)
        assert found.embedding is not None
        assert template.embedding is not None
        assert np.array_equal(found.embedding, template.embedding)
        assert set(stamps) == read


def test_a_node_without_renzheng_is_told(
    verifier: Verifier, instance: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A module that this process has and the others lack, as they would lack all of renzheng.
    absent = types.ModuleType("renzheng.only_here")
    exec("def inspect(settings): return {}", absent.__dict__)
    monkeypatch.setitem(sys.modules, absent.__name__, absent)
    monkeypatch.setattr(nodes, "inspect", absent.inspect)
    with cluster.Cluster() as here, pytest.raises(RenzhengError, match="pip install"):
        here.check(VerifierConfig.of(verifier))


def test_an_address_where_nobody_answers_is_an_error_and_soon() -> None:
    with pytest.raises(RenzhengError, match="cannot be reached"):
        cluster.Cluster("127.0.0.1:1")


@pytest.mark.parametrize("address", ["ray://127.0.0.1:10001", "nowhere", "host:port", ":1"])
def test_an_address_of_another_form_is_bad_input(address: str) -> None:
    with pytest.raises(InvalidInput, match="HOST:PORT"):
        cluster.Cluster(address)


def test_an_address_wants_the_engine(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["batch", str(folder / "pairs.csv"), "-o", str(folder / "no.csv")]
    assert main([*words, "--address", "auto"]) == 2
    assert main([words[0], "https://example.org/pairs.csv", *words[2:], "--engine", "ray"]) == 2
    assert "no store" in capsys.readouterr().err


def test_without_ray_the_remedy_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["batch", str(folder / "pairs.csv"), "-o", str(folder / "no.csv"), "--engine", "ray"]
    assert main(words) == 5
    assert "pip install 'renzheng[ray]'" in capsys.readouterr().err


def test_a_name_in_a_store_is_taken_as_it_is_written(store: Any) -> None:
    store.put_object(Bucket="faces", Key="a b/x%20y?#.jpg", Body=b"hello")
    from renzheng.apps.batch.cluster import places

    assert places.read("s3://faces/a b/x%20y?#.jpg") == b"hello"
    with pytest.raises(UnreadableImage, match="larger"):
        places.read("s3://faces/a b/x%20y?#.jpg", max_bytes=3)
    with pytest.raises(UnreadableImage):
        places.read("s3://nobody/a.jpg")
