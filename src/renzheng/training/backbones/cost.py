"""Cost of a network: its parameters and its arithmetic."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """Cost of one picture.

    Parameters
    ----------
    parameters
        Number of weights that training may change or a file must hold, without running statistics.
    multiply_adds
        Multiply-adds of convolutions and linear layers for one picture, each counted once: what
        papers on backbones call FLOPs. The arithmetic of normalisations and activations is left
        out, as it is there.
    """

    parameters: int
    multiply_adds: int


def cost(module: nn.Module, size: int) -> Cost:
    """Count a network's parameters and multiply-adds without running it.

    Parameters
    ----------
    module
        Network that takes float (n, 3, size, size), on any device; it is not changed.
    size
        Side of the crops in pixels.
    """
    # On the meta device tensors have shapes and no numbers: nothing is computed.
    shape_only = copy.deepcopy(module).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        shape_only(torch.empty(1, 3, size, size, device="meta"))
    # torch counts a multiplication and an addition as two.
    operations: int = counter.get_total_flops()
    return Cost(sum(each.numel() for each in module.parameters()), operations // 2)
