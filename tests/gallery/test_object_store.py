"""The same gallery in an object store, where several machines write at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from renzheng import Verifier
from renzheng.gallery import Entry, Gallery
from renzheng.types import Floats

moto = pytest.importorskip("moto.server", reason="needs moto's server, an object store for tests")
boto3 = pytest.importorskip("boto3")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def storage() -> Iterator[dict[str, str]]:
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    known = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address, region_name="us-east-1", **known).create_bucket(
        Bucket="faces"
    )
    yield {"aws_endpoint": address, "allow_http": "true", "aws_region": "us-east-1", **known}
    server.stop()


def _write(storage: dict[str, str], name: str) -> None:
    rows = np.eye(128, dtype=np.float32)
    gallery = Gallery.open("s3://faces/shared", options=storage)
    for k in range(4):
        gallery.add([Entry(f"{name}{k}", rows[k]), Entry(f"both{k}", rows[k], source=name)])


def test_two_machines_add_at_once(
    storage: dict[str, str], verifier: Verifier, unit: Callable[..., Floats]
) -> None:
    gallery = Gallery.create("s3://faces/shared", verifier, options=storage)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(storage, name)) for name in "xy"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    names = sorted(entry.id for entry in gallery)
    assert names == sorted(f"{name}{k}" for name in ("x", "y", "both") for k in range(4))
    row = np.eye(128, dtype=np.float32)[2]
    found = gallery.search(row, 3)
    assert {each.entry.id for each in found.candidates} == {"x2", "y2", "both2"}
    assert gallery.remove(["x2"]) == ("x2",)
    told = gallery.stats()
    assert (told.entries, told.bytes, told.unpurged) == (11, None, True)
    gallery.purge()
    assert not gallery.stats().unpurged
    assert len(gallery) == 11


def test_a_place_that_is_not_there_is_an_error_and_not_a_traceback(
    storage: dict[str, str], verifier: Verifier
) -> None:
    from renzheng import RenzhengError

    with pytest.raises(RenzhengError):
        Gallery.open("s3://faces/none", options=storage)
    with pytest.raises(RenzhengError):
        Gallery.create("s3://nobucket/g", verifier, options=storage)
