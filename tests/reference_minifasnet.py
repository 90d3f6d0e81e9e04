"""MiniFASNetV2 and MiniFASNetV1SE as their authors run them, plainly, in torch: the oracle.

Straight from a state dict, layer by layer, batch normalisation and all. Only what the tests need.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812

State = dict[str, torch.Tensor]

_STAGES = (("conv_23", "conv_3", 4), ("conv_34", "conv_4", 6), ("conv_45", "conv_5", 2))


@torch.inference_mode()
def probabilities(state: State, x: torch.Tensor) -> torch.Tensor:
    """(n, 3, side, side) BGR from 0 to 255 -> (n, classes)."""
    return logits(state, x).softmax(1)


@torch.inference_mode()
def logits(state: State, x: torch.Tensor) -> torch.Tensor:
    s = {name.removeprefix("module."): value for name, value in state.items()}
    x = _unit(x, s, "conv1", stride=2, padding=1)
    x = _unit(x, s, "conv2_dw", padding=1, groups=x.shape[1])
    for halving, stage, blocks in _STAGES:
        x = _bottleneck(x, s, halving, stride=2)
        for k in range(blocks):
            name = f"{stage}.model.{k}"
            y = _bottleneck(x, s, name, stride=1)
            if f"{name}.se_module.fc1.weight" in s:
                y = y * _gate(y, s, f"{name}.se_module")
            x = x + y
    x = _unit(x, s, "conv_6_sep")
    x = _unit(x, s, "conv_6_dw", groups=x.shape[1])
    x = F.linear(x.flatten(1), s["linear.weight"])
    return F.linear(_normalise(x, s, "bn"), s["prob.weight"])


def random_state(*, se: bool, side: int = 32, width: int = 6, seed: int = 0) -> State:
    """A small network with made-up weights, named as the authors name theirs."""
    made = torch.Generator().manual_seed(seed)
    state: State = {}

    def normal(name: str, *shape: int, scale: float = 1.0) -> None:
        state[f"module.{name}"] = torch.randn(shape, generator=made) * scale

    def normalisation(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean"):
            normal(f"{name}.{part}", channels, scale=0.3)
        state[f"module.{name}.weight"] += 1
        state[f"module.{name}.running_var"] = torch.rand(channels, generator=made) + 0.5
        state[f"module.{name}.num_batches_tracked"] = torch.tensor(7)

    def unit(name: str, out: int, into: int, kernel: int = 1, slopes: bool = True) -> None:
        normal(f"{name}.conv.weight", out, into, kernel, kernel, scale=(into * kernel**2) ** -0.5)
        normalisation(f"{name}.bn", out)
        if slopes:
            normal(f"{name}.prelu.weight", out, scale=0.3)

    def bottleneck(name: str, into: int, inner: int, out: int) -> None:
        unit(f"{name}.conv", inner, into)
        unit(f"{name}.conv_dw", inner, 1, 3)
        unit(f"{name}.project", out, inner, slopes=False)

    unit("conv1", width, 3, 3)
    state["module.conv1.conv.weight"] /= 128  # pictures reach 255
    unit("conv2_dw", width, 1, 3)
    channels = width
    for number, (halving, stage, blocks) in enumerate(_STAGES):
        out = width + 2 * number
        bottleneck(halving, channels, 2 * width + number, out)
        channels = out
        for k in range(blocks):
            name = f"{stage}.model.{k}"
            bottleneck(name, out, width + k, out)
            if se and k == blocks - 1:
                squeezed = out // 2
                normal(f"{name}.se_module.fc1.weight", squeezed, out, 1, 1)
                normalisation(f"{name}.se_module.bn1", squeezed)
                normal(f"{name}.se_module.fc2.weight", out, squeezed, 1, 1)
                normalisation(f"{name}.se_module.bn2", out)
    unit("conv_6_sep", 3 * width, channels)
    unit("conv_6_dw", 3 * width, 1, side // 16, slopes=False)
    normal("linear.weight", 8, 3 * width, scale=0.2)
    normalisation("bn", 8)
    normal("prob.weight", 3, 8)
    # Brought to where a softmax shows differences.
    pictures = torch.rand((16, 3, 1, 1), generator=made) * 255 * torch.ones(16, 3, side, side)
    state["module.prob.weight"] *= 2 / logits(state, pictures).std()
    return state


def _normalise(x: torch.Tensor, s: State, name: str) -> torch.Tensor:
    parts = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(x, *(s[f"{name}.{part}"] for part in parts), eps=1e-5)


def _unit(
    x: torch.Tensor, s: State, name: str, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> torch.Tensor:
    x = F.conv2d(x, s[f"{name}.conv.weight"], stride=stride, padding=padding, groups=groups)
    x = _normalise(x, s, f"{name}.bn")
    slopes = s.get(f"{name}.prelu.weight")
    return x if slopes is None else F.prelu(x, slopes)


def _bottleneck(x: torch.Tensor, s: State, name: str, stride: int) -> torch.Tensor:
    x = _unit(x, s, f"{name}.conv")
    x = _unit(x, s, f"{name}.conv_dw", stride=stride, padding=1, groups=x.shape[1])
    return _unit(x, s, f"{name}.project")


def _gate(x: torch.Tensor, s: State, name: str) -> torch.Tensor:
    x = F.adaptive_avg_pool2d(x, 1)
    x = F.relu(_normalise(F.conv2d(x, s[f"{name}.fc1.weight"]), s, f"{name}.bn1"))
    return torch.sigmoid(_normalise(F.conv2d(x, s[f"{name}.fc2.weight"]), s, f"{name}.bn2"))
