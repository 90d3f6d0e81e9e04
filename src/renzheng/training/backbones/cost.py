"""What a network costs: its parameters and its arithmetic."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """What one picture costs.

    Parameters
    ----------
    parameters
        How many numbers training may change or a file must hold, running statistics aside.
    flops
        Multiply-adds of convolutions and linear layers for one picture, each counted once: what
        papers on backbones call FLOPs. Arithmetic of normalisations and activations is left out,
        as it is there.
    """

    parameters: int
    flops: int


def cost(module: nn.Module, size: int) -> Cost:
    """Count a network's parameters and multiply-adds without running it.

    Parameters
    ----------
    module
        Takes float (n, 3, size, size). It is left as it is, whatever device it is on.
    size
        The pictures' side in pixels.

    Returns
    -------
    Cost
        For one picture.
    """
    # On the meta device tensors have shapes and no numbers: nothing is computed.
    shape_only = copy.deepcopy(module).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        shape_only(torch.empty(1, 3, size, size, device="meta"))
    # torch counts a multiplication and an addition as two.
    operations: int = counter.get_total_flops()
    return Cost(sum(each.numel() for each in module.parameters()), operations // 2)
