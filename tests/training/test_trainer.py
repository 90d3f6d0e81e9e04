"""Runs: that they learn, repeat, are taken up exactly, and end in words and not in traces."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from renzheng import InvalidInput, RenzhengError
from renzheng.training import checkpoint
from renzheng.training.recipe import Recipe
from renzheng.training.trainer import BEST, LAST, Trainer

Small = Callable[..., Recipe]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = checkpoint.load(folder / LAST)["learner"]
    return found


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def steps(folder: Path, name: str) -> list[tuple[int, float]]:
    with (folder / "steps.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [(int(r["step"]), float(r["value"])) for r in rows if r["name"] == name]


def test_a_run_learns_and_leaves_its_files(small: Small, people: Path, tmp_path: Path) -> None:
    told: list[str] = []
    recipe = small(
        run={"epochs": 6}, validation={"source": str(people / "validation")}, average={"decay": 0.0}
    )
    done = Trainer(recipe, tmp_path, tell=told.append).run()
    losses = [value for _, value in steps(tmp_path, "loss")]
    assert done["steps"] == len(losses) == 30
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
    assert done["best_eer"] < 0.2
    assert (tmp_path / BEST).exists()
    assert (tmp_path / "summary.json").exists()
    assert any("people left out" in words for words in told)
    for name in ("triplet/active", "effective_rank", "norm", "validation/eer", "gradient"):
        assert steps(tmp_path, name)


@pytest.mark.parametrize("workers", [0, 1])
def test_the_same_seed_gives_the_same_weights(small: Small, tmp_path: Path, workers: int) -> None:
    for name, given in (("a", 0), ("b", workers)):
        (tmp_path / name).mkdir()
        recipe = small(run={"steps": 3}, data={"workers": given})
        Trainer(recipe, tmp_path / name).run()
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    (tmp_path / "c").mkdir()
    Trainer(small(run={"steps": 3, "seed": 2}), tmp_path / "c").run()
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.fixture(scope="module")
def whole(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the small recipe that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    torch.set_num_threads(1)
    Trainer(small(), folder).run()
    return folder


@pytest.mark.parametrize("stop", [1, 5, 7])
def test_a_run_that_is_taken_up_ends_with_the_same_weights(
    small: Small, whole: Path, tmp_path: Path, stop: int
) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    recipe = small()

    class Stopped(Exception):  # noqa: N818
        pass

    def stopping(step: int, steps: int, values: object) -> None:
        if step == stop + 1:
            raise Stopped

    with pytest.raises(Stopped):
        Trainer(recipe, parts, progress=stopping).run()
    again = Trainer(recipe, parts)
    again.resume()
    assert again.step == stop
    again.run()
    assert same(weights(whole), weights(parts))
    assert steps(whole, "loss") == steps(parts, "loss")


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_kill_9_and_resume(small: Small, people: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'[run]\nepochs = 2\ndevice = "cpu"\n[data]\nsources = ["{people / "train"}"]\n'
        "workers = 0\n"
        '[model]\nbackbone = "resnet-18"\nsize = 48\ndimension = 16\n'
        '[batch]\npeople = 4\npictures = 3\n[[loss]]\nkind = "triplet"\n[checkpoint]\nevery = 1\n'
    )
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-m", "renzheng", "train", "run", str(recipe), "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, str(whole)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    process = subprocess.Popen(
        [*command, str(killed)], env=environment, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while not (killed / LAST).exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL
    refused = subprocess.run([*command, str(killed)], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "there is a run already" in refused.stderr
    done = subprocess.run(
        [*command, str(killed), "--resume"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "going on at step" in done.stderr
    assert same(weights(whole), weights(killed))


def test_two_processes_learn_what_one_learns(people: Path, tmp_path: Path) -> None:
    # Batch norm of half a batch differs, unless it uses its running statistics, as here.
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, torch, json\n"
        "from pathlib import Path\n"
        "from torch import nn\n"
        "from renzheng.training import backbones, distributed, training_module\n"
        "from renzheng.training.recipe import parse\n"
        "from renzheng.training.trainer import Trainer\n"
        "torch.set_num_threads(1)\n"
        "for norm in (nn.BatchNorm1d, nn.BatchNorm2d):\n"
        "    norm.forward = lambda self, x: nn.functional.batch_norm(\n"
        "        x, self.running_mean, self.running_var, self.weight, self.bias)\n"
        "recipe = parse(json.loads(Path(sys.argv[1]).read_text()))\n"
        "folder = Path(sys.argv[2]); folder.mkdir(exist_ok=True)\n"
        "Trainer(recipe, folder).run()\n"
        "distributed.stop()\n"
    )
    import json

    recipe = {
        "run": {"epochs": 1, "steps": 3, "device": "cpu", "channels_last": False},
        "data": {"sources": [str(people / "train")], "workers": 0},
        "model": {"backbone": "vgg-11", "size": 48, "dimension": 8},
        "batch": {"people": 4, "pictures": 3},
        "loss": [
            {"kind": "triplet", "mining": "random"}, {"kind": "softmax"}, {"kind": "center"},
        ],
        "optimiser": {"kind": "sgd", "learning_rate": 0.01},
        "augmentation": {"flip": 0.5},
    }  # fmt: skip
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for count in (1, 2):
        done = subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count),
             "--master-port", str(29517 + count), str(program), str(tmp_path / "recipe.json"),
             str(tmp_path / str(count))],
            env=environment, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    one, two = steps(tmp_path / "1", "loss"), steps(tmp_path / "2", "loss")
    np.testing.assert_allclose(one, two, rtol=1e-5)
    a, b = weights(tmp_path / "1"), weights(tmp_path / "2")
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-6)


def test_gradients_add_up_over_batches(small: Small, tmp_path: Path) -> None:
    done = Trainer(small(batch={"accumulate": 2}), tmp_path).run()
    assert done["steps"] == 4  # 5 batches an epoch make 2 steps of 2


def test_more_batches_a_step_than_there_are(small: Small, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="an epoch has 5"):
        Trainer(small(batch={"accumulate": 9}), tmp_path)


def test_a_student_learns_from_one_teacher(small: Small, tmp_path: Path) -> None:
    loss = [{"kind": "distillation", "pack": "dlib-resnet"}, {"kind": "distillation", "pack": "x"}]
    with pytest.raises(InvalidInput, match="one teacher"):
        Trainer(small(loss=loss), tmp_path)
    loss[1]["pack"] = "dlib-resnet"
    loss[1]["mode"] = "distances"
    recipe = small(loss=loss, run={"epochs": 4}, augmentation={"colour": 0.0, "erase": 0.0})
    Trainer(recipe, tmp_path, cache=tmp_path / "cache").run()
    gaps = [value for _, value in steps(tmp_path, "distillation.0")]
    assert np.mean(gaps[-5:]) < np.mean(gaps[:5]) - 0.05


def test_a_corrupt_picture_is_passed_over_and_named(
    small: Small, people: Path, tmp_path: Path
) -> None:
    shutil.copytree(people / "train", tmp_path / "data")
    (tmp_path / "data" / "person 03" / "2.png").write_bytes(b"spoilt")
    told: list[str] = []
    recipe = small(data={"sources": [str(tmp_path / "data")]}, run={"epochs": 3})
    done = Trainer(recipe, tmp_path, tell=told.append).run()
    assert len(done["unreadable"]) == 1
    assert "person 03/2.png" in done["unreadable"][0]
    assert any("passed over" in words for words in told)


def test_a_person_without_one_good_picture_stops_the_run(
    small: Small, people: Path, tmp_path: Path
) -> None:
    shutil.copytree(people / "train", tmp_path / "data")
    for path in (tmp_path / "data" / "person 03").iterdir():
        path.write_bytes(b"spoilt")
    recipe = small(data={"sources": [str(tmp_path / "data")]}, run={"epochs": 3})
    with pytest.raises(RenzhengError, match="no picture of 'person 03'"):
        Trainer(recipe, tmp_path).run()


@pytest.mark.parametrize("spoil", ["empty", "one person", "gone"])
def test_data_that_teaches_nothing(small: Small, tmp_path: Path, spoil: str) -> None:
    folder = tmp_path / "data"
    if spoil != "gone":
        folder.mkdir()
    if spoil == "one person":
        (folder / "Ann").mkdir()
        (folder / "Ann" / "1.png").write_bytes(b"")
    with pytest.raises(InvalidInput):
        Trainer(small(data={"sources": [str(folder)]}), tmp_path)


def test_a_checkpoint_of_something_else_is_refused(small: Small, tmp_path: Path) -> None:
    Trainer(small(run={"steps": 1}), tmp_path).run()
    for other, reason in (
        (small(run={"steps": 1}, model={"dimension": 8}), "another backbone"),
        (small(run={"steps": 1}, model={"backbone": "vgg-11"}), "another backbone: resnet-18"),
        (small(run={"steps": 1}, optimiser={"learning_rate": 0.5}), r"\[optimiser\]"),
        (small(run={"steps": 1}, loss=[{"kind": "triplet"}]), r"\[loss\]"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            Trainer(other, tmp_path).resume()
    Trainer(small(run={"steps": 1}, data={"workers": 3}), tmp_path).resume()  # changes nothing
    (tmp_path / LAST).write_bytes(b"torn")
    with pytest.raises(RenzhengError, match="not a checkpoint"):
        Trainer(small(run={"steps": 1}), tmp_path).resume()
    wrong = small(model={"weights": str(tmp_path / BEST), "backbone": "vgg-11"})
    with pytest.raises(InvalidInput):
        Trainer(wrong, tmp_path)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> object:
            return os.mkdir, (str(tmp_path / "victim"),)

    torch.save({"x": Hostile()}, tmp_path / "bad.pt")
    with pytest.raises(RenzhengError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "bad.pt")
    assert not (tmp_path / "victim").exists()


def test_a_full_disk_loses_nothing(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Trainer(small(run={"steps": 1}), tmp_path).run()
    before = (tmp_path / LAST).read_bytes()

    def full(*arguments: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RenzhengError, match="No space left"):
        checkpoint.save(tmp_path / LAST, {"x": 1})
    assert (tmp_path / LAST).read_bytes() == before
    assert not list(tmp_path.glob(".checkpoint-*"))


def test_a_loss_that_runs_away_stops_with_the_last_good_state(small: Small, tmp_path: Path) -> None:
    recipe = small(
        loss=[{"kind": "softmax"}],
        optimiser={"kind": "sgd", "learning_rate": 100.0, "clip": 0.0, "weight_decay": 10.0},
        schedule={"kind": "constant", "warmup": 0.0}, run={"epochs": 60}, average={"decay": 0.0},
    )  # fmt: skip
    with pytest.raises(RenzhengError, match=r"(loss|gradient) is (nan|inf)"):
        Trainer(recipe, tmp_path).run()
    assert all(torch.isfinite(w).all() for w in weights(tmp_path).values())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(small: Small, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no GPU"):
        Trainer(small(run={"device": "cuda"}), tmp_path)


def test_a_checkpoint_whose_recipe_has_the_old_key_is_taken_up(
    small: Small, tmp_path: Path
) -> None:
    recipe = small(run={"steps": 2}, loss=[{"kind": "softmax"}, {"kind": "center", "alpha": 0.3}])
    Trainer(recipe, tmp_path).run()
    state = checkpoint.load(tmp_path / LAST)
    assert '"alpha"' in state["recipe"]
    state["recipe"] = state["recipe"].replace('"alpha"', '"alfa"')
    checkpoint.save(tmp_path / LAST, state)
    again = Trainer(recipe, tmp_path)
    again.resume()
    assert again.step == 2
    other = small(run={"steps": 2}, loss=[{"kind": "softmax"}, {"kind": "center", "alpha": 0.4}])
    with pytest.raises(InvalidInput, match=r"\[loss\]"):
        Trainer(other, tmp_path).resume()
