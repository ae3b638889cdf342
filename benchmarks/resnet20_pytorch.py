"""The ResNet-20 of benchmarks/resnet20.py in PyTorch: eager, channels last.

A convolution of stride 2 pads both sides here and one side in Keras: the same work,
other numbers. Without such a convolution both give the same numbers.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.resnet20 import (
    BLOCKS_PER_STAGE,
    FILTERS,
    LEARNING_RATE,
    MOMENTUM,
    NUM_CLASSES,
)


class Block(nn.Module):
    """Two 3 x 3 convolutions and the shortcut around them."""

    def __init__(self, inputs: int, filters: int, strides: int):
        super().__init__()
        self.new = (filters - inputs) // 2
        self.strides = strides
        self.conv1 = nn.Conv2d(inputs, filters, 3, strides, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(filters, eps=1.001e-5)
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters, eps=1.001e-5)

    def forward(self, x):
        shortcut = x
        if self.strides > 1:
            pixels = x[:, :, :: self.strides, :: self.strides]
            shortcut = functional.pad(pixels, (0, 0, 0, 0, self.new, self.new))
        x = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(x)) + shortcut)


class ResNet20(nn.Module):
    """Images float (batch, 3, side, side) to logits (batch, 10)."""

    def __init__(
        self,
        filters: Sequence[int] = FILTERS,
        blocks_per_stage: int = BLOCKS_PER_STAGE,
    ):
        super().__init__()
        self.conv = nn.Conv2d(3, filters[0], 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(filters[0], eps=1.001e-5)
        blocks, inputs = [], filters[0]
        for stage, count in enumerate(filters):
            for block in range(blocks_per_stage):
                halve = stage > 0 and block == 0
                blocks.append(Block(inputs, count, 2 if halve else 1))
                inputs = count
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(inputs, NUM_CLASSES)

    def forward(self, x):
        x = self.blocks(functional.relu(self.norm(self.conv(x))))
        return self.dense(x.mean(dim=(2, 3)))


def pytorch_call(
    data: Mapping[str, np.ndarray], batch: int, network: nn.Module | None = None
) -> Callable[[], float]:
    """A call that takes one step for each batch of `data`, and waits for the last."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = ResNet20() if network is None else network
    network = network.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(network.parameters(), LEARNING_RATE, MOMENTUM)
    # NumPy's order is batch, height, width, channels: channels last as it is.
    images = torch.from_numpy(data["images"]).permute(0, 3, 1, 2)
    labels = torch.from_numpy(data["labels"].astype(np.int64))

    def call():
        for first in range(0, len(labels), batch):
            logits = network(images[first : first + batch].to(device))
            target = labels[first : first + batch].to(device)
            loss = functional.cross_entropy(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        return loss.item()

    return call
