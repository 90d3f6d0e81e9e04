from __future__ import annotations

from pathlib import Path

import pytest

from renzheng import InvalidInput
from renzheng.training import recipe

ROOT = Path(__file__).resolve().parents[2]
PLAIN = '[data]\nsources = ["crops"]\n[[loss]]\nkind = "triplet"\n'


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.stem)
def test_every_recipe_of_the_project_is_one(path: Path) -> None:
    from renzheng.training.backbones import get
    from renzheng.training.training_module import build_loss

    read = recipe.load(path)
    kind = get(read.model.backbone)
    assert set(read.model.options) <= set(kind.options)
    for loss in read.loss:
        build_loss(loss, 10, 16, 128)


def test_what_is_not_said_has_a_default(written) -> None:
    read = recipe.load(written(PLAIN))
    assert read.run == recipe.Run()
    assert read.loss[0].kind == "triplet"
    assert read.data.sources == ("crops",)


def test_overrides_reach_every_key(written) -> None:
    read = recipe.load(
        written(PLAIN),
        ["optimiser.learning_rate=0.25", "loss.0.margin=0.3", 'data.sources=["a", "b"]',
         "model.backbone=vgg-11", "run.channels_last=false"],
    )  # fmt: skip
    assert read.optimiser.learning_rate == 0.25
    assert read.loss[0].options == {"margin": 0.3}
    assert read.data.sources == ("a", "b")
    assert read.model.backbone == "vgg-11"
    assert read.run.channels_last is False


def test_a_recipe_survives_its_json(written) -> None:
    read = recipe.load(written(PLAIN + "margin = 0.4\nweight = 2\n"))
    again = recipe.parse(read.to_dict())
    assert again == read
    assert again.digest == read.digest
    assert recipe.load(written(PLAIN), ["run.seed=5"]).digest != read.digest


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[data\n", "not TOML"),
        ("", "no list of losses"),
        ('[[loss]]\nkind = "triplet"\n', "data.sources is empty"),
        (PLAIN + "[optimizer]\n", "'optimizer'; did you mean 'optimiser'"),
        (PLAIN + "[optimiser]\nlearning_rat = 1\n", "did you mean 'learning_rate'"),
        (PLAIN + '[optimiser]\nlearning_rate = "fast"\n', "learning_rate must be a number"),
        (PLAIN + "[optimiser]\nlearning_rate = -1\n", "must be greater than or equal to 0"),
        (PLAIN + '[optimiser]\nkind = "adam"\n', "did you mean 'adamw'"),
        (PLAIN + "[run]\nepochs = 1.5\n", "run.epochs must be a whole number"),
        (PLAIN + "[run]\nepochs = true\n", "run.epochs must be a whole number"),
        ("run = 3\n" + PLAIN, "run must be a table"),
        ('[data]\nsources = "crops"\n[[loss]]\nkind = "triplet"', "data.sources must be a list"),
        ('[data]\nsources = ["crops"]\n[[loss]]\nkind = "triplets"', "did you mean 'triplet'"),
        (PLAIN + "weight = -1\n", "loss.0.weight"),
        (PLAIN + '[schedule]\nkind = "step"\nmilestones = [3]\n', "milestones"),
    ],
)
def test_a_mistake_is_named(written, text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason.replace("[", r"\[")):
        recipe.load(written(text))


@pytest.mark.parametrize("override", ["epochs", "=3", "loss.4.margin=1", "run.seed.deep=1"])
def test_an_override_that_fits_nowhere(written, override: str) -> None:
    with pytest.raises(InvalidInput):
        recipe.load(written(PLAIN + "[run]\nseed = 1\n"), [override])


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        recipe.load(tmp_path / "gone.toml")


def test_the_old_key_of_center_loss_is_read_with_a_warning(written) -> None:
    text = '[data]\nsources = ["crops"]\n[[loss]]\nkind = "center"\n'
    with pytest.warns(FutureWarning, match="'alfa' of center loss is now 'alpha'"):
        old = recipe.load(written(text + "alfa = 0.3\n"))
    assert old == recipe.load(written(text + "alpha = 0.3\n"))
    assert old.loss[0].options == {"alpha": 0.3}


def test_a_stored_recipe_with_the_old_key_is_read_in_silence() -> None:
    loss = {"kind": "center", "weight": 1.0, "options": {"alfa": 0.3}}
    read = recipe.parse({"data": {"sources": ["crops"]}, "loss": [loss]})
    assert read.loss[0].options == {"alpha": 0.3}


def test_the_first_mistake_is_named_with_its_file_and_what_is_known(written) -> None:
    path = written(PLAIN + "[run]\nepoch = 3\nseed = -1\n")
    with pytest.raises(InvalidInput) as caught:
        recipe.load(path)
    assert caught.value.reason == "unknown key 'run.epoch'; did you mean 'epochs'?"
    assert caught.value.source == str(path)
    assert "channels_last, device, epochs" in str(caught.value.remedy)
