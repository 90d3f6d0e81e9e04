"""Embedded vector engines, measured to choose the one under the gallery.

    python benchmarks/vector_engines.py [--entries 100000]

Each engine that is installed (lancedb; pymilvus with milvus-lite; qdrant-client) runs in a process
of its own with the same made-up unit embeddings: adding by the thousand, exact search one by one,
with a condition on metadata, 100 at once, one-by-one adds, peak memory and bytes on disk.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

DIMENSION, BATCH = 128, 1000
ENGINES = {
    "LanceDB": "lancedb",
    "Milvus Lite": "milvus_lite",
    "Qdrant, local mode": "qdrant_client",
}


class Engine(Protocol):
    def add(self, start: int, rows: np.ndarray) -> None: ...
    def finish(self) -> None: ...
    def search(self, probe: np.ndarray, condition: bool) -> str: ...
    def search_many(self, probes: np.ndarray) -> list[str]: ...


class Lance:
    def __init__(self, folder: Path):
        import lancedb
        import pyarrow as pa

        self._pa = pa
        self._schema = pa.schema(
            [
                ("id", pa.string()),
                ("vector", pa.list_(pa.float32(), DIMENSION)),
                ("meta", pa.json_()),
            ]
        )
        self._table = lancedb.connect(str(folder / "lance")).create_table("g", schema=self._schema)

    def add(self, start: int, rows: np.ndarray) -> None:
        columns = {
            "id": [str(start + k) for k in range(len(rows))],
            "vector": self._pa.FixedSizeListArray.from_arrays(rows.ravel(), DIMENSION),
            "meta": self._pa.array(
                [f'{{"a": {k % 10}}}' for k in range(len(rows))], self._pa.json_()
            ),
        }
        self._table.add(self._pa.table(columns, schema=self._schema))

    def finish(self) -> None:
        self._table.optimize()

    def search(self, probe: np.ndarray, condition: bool) -> str:
        query = self._table.search(probe).distance_type("dot").limit(5)
        if condition:
            query = query.where("json_get_int(meta, 'a') = 3", prefilter=True)
        return str(query.to_arrow().column("id")[0])

    def search_many(self, probes: np.ndarray) -> list[str]:
        found = self._table.search(list(probes)).distance_type("dot").limit(1).to_arrow()
        by_probe = dict(zip(found["query_index"].to_pylist(), found["id"].to_pylist(), strict=True))
        return [by_probe[k] for k in range(len(probes))]


class Milvus:
    def __init__(self, folder: Path):
        from pymilvus import DataType, MilvusClient

        self._client = MilvusClient(str(folder / "milvus.db"))
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=64)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)
        schema.add_field("meta", DataType.JSON)
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        self._client.create_collection("g", schema=schema, index_params=index)

    def add(self, start: int, rows: np.ndarray) -> None:
        self._client.insert(
            "g",
            [
                {"id": str(start + k), "vector": row, "meta": {"a": k % 10}}
                for k, row in enumerate(rows)
            ],
        )

    def finish(self) -> None:
        self._client.flush("g")
        self._client.load_collection("g")

    def search(self, probe: np.ndarray, condition: bool) -> str:
        only = 'meta["a"] == 3' if condition else ""
        return str(self._client.search("g", [probe], limit=5, filter=only)[0][0]["id"])

    def search_many(self, probes: np.ndarray) -> list[str]:
        return [str(each[0]["id"]) for each in self._client.search("g", list(probes), limit=1)]


class Qdrant:
    def __init__(self, folder: Path):
        from qdrant_client import QdrantClient, models

        self._models = models
        self._client = QdrantClient(path=str(folder / "qdrant"))
        self._client.create_collection(
            "g", vectors_config=models.VectorParams(size=DIMENSION, distance=models.Distance.DOT)
        )

    def add(self, start: int, rows: np.ndarray) -> None:
        self._client.upsert(
            "g",
            self._models.Batch(
                ids=list(range(start, start + len(rows))),
                vectors=rows.tolist(),
                payloads=[{"a": k % 10} for k in range(len(rows))],
            ),
        )

    def finish(self) -> None:
        """It has nothing to finish."""

    def search(self, probe: np.ndarray, condition: bool) -> str:
        m = self._models
        only = m.Filter(must=[m.FieldCondition(key="a", match=m.MatchValue(value=3))])
        found = self._client.query_points(
            "g", probe.tolist(), limit=5, query_filter=only if condition else None
        )
        return str(found.points[0].id)

    def search_many(self, probes: np.ndarray) -> list[str]:
        return [self.search(probe, condition=False) for probe in probes]


MAKE: dict[str, Callable[[Path], Engine]] = {
    "LanceDB": Lance, "Milvus Lite": Milvus, "Qdrant, local mode": Qdrant,
}  # fmt: skip


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, count: int) -> None:
    rows = np.random.default_rng(0).standard_normal((count, DIMENSION), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    before = memory()
    with tempfile.TemporaryDirectory() as temporary:
        engine = MAKE[name](Path(temporary))
        started = time.perf_counter()
        for start in range(0, count, BATCH):
            engine.add(start, rows[start : start + BATCH])
        added = count / (time.perf_counter() - started)
        engine.finish()

        def median(work: Callable[[int], object], times: int) -> float:
            taken = []
            for k in range(times):
                started = time.perf_counter()
                work(k)
                taken.append(time.perf_counter() - started)
            return float(np.median(taken)) * 1000

        assert engine.search(rows[7], False) == "7"
        assert engine.search(rows[13], True) == "13"
        one = median(lambda k: engine.search(rows[k], False), 15)
        only = median(lambda k: engine.search(rows[k], True), 9)
        started = time.perf_counter()
        assert engine.search_many(rows[:100]) == [str(k) for k in range(100)]
        many = 100 / (time.perf_counter() - started)
        single = median(lambda k: engine.add(count + k, rows[k : k + 1]), 50)
        size = sum(p.stat().st_size for p in Path(temporary).rglob("*") if p.is_file()) / 2**20
        print(
            f"| {name} | {added:,.0f} | {single:.1f} | {one:.1f} | {only:.1f} | {many:,.0f} | "
            f"{memory() - before:,.0f} | {size:,.0f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--engine", choices=MAKE, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        return measure(arguments.engine, arguments.entries)
    print(f"{arguments.entries:,} embeddings of {DIMENSION} numbers\n")
    print("| engine | adds/s | one add, ms | search, ms | with a condition, ms | 100 at once, /s | "
          "MiB | MiB on disk |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name, module in ENGINES.items():
        if importlib.util.find_spec(module) is None:
            print(f"| {name} | not installed |", flush=True)
            continue
        words = [sys.executable, "-W", "ignore", __file__, "--engine", name]
        subprocess.run([*words, "--entries", str(arguments.entries)], check=True)


if __name__ == "__main__":
    main()
