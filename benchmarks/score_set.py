"""What the score of a machine is made of, by version.

Version 2: eight networks of the small scale, which need no data set and fit two CPU
cores, each in a training step; four of them in a forward pass too. They are chosen for
being unlike: plain convolutions, grouped ones, large images, two images an example,
video with attention, a loss that is a network itself, and two games of two networks.
TensorFlow, float32, no XLA, one device, synthetic data. On a large GPU such small steps
say more of its launches than of its arithmetic; `cai bench train --scale paper` is for
that. Version 1 had the same set and took medians of speeds; `score.py` says why not.

A change of anything here is a new version: its scores cannot be held against old ones.
"""

from dataclasses import dataclass
from typing import Literal

from benchmarks.rows import Configuration

VERSION = 2
BUDGET_SECONDS = 300.0  # of everything, starting and compiling included


@dataclass(frozen=True)
class Entry:
    """One thing that is measured; `network` is "all" in training.

    Attributes:
        image_shape: of one example; empty where the network is given no image.
    """

    kind: Literal["train", "infer"]
    paper: str
    variant: str
    network: str
    batch_size: int
    image_shape: tuple[int, ...]

    @property
    def id(self) -> str:
        return f"{self.kind}/{self.paper}/{self.variant}"

    def configuration(self, device: str) -> Configuration:
        """Args: device: cpu, gpu or tpu."""
        return Configuration(
            kind=self.kind,
            paper=self.paper,
            scale="small",
            variant=self.variant,
            network=self.network,
            backend="tensorflow",
            device=device,
            precision="float32",
            xla=False,
            batch_size=self.batch_size,
            image_shape=self.image_shape,
        )


ENTRIES = (
    Entry("train", "resnet", "cifar10_resnet20", "all", 128, (16, 16, 3)),
    Entry(
        "train", "inception_grouped", "imagenet_resnext50_32x4d", "all", 64, (16, 16, 3)
    ),
    Entry("train", "unet", "unet", "all", 4, (148, 148, 1)),
    Entry("train", "siamese_one_shot", "conv", "all", 64, (35, 35, 1)),
    Entry("train", "non_local", "c2d_r50_nl1", "all", 32, (8, 16, 16, 3)),
    Entry("train", "perceptual_losses", "style_instance", "all", 4, (96, 96, 3)),
    Entry("train", "gan", "mnist_dcgan", "all", 64, (28, 28, 1)),
    Entry("train", "sagan", "attention32", "all", 32, (32, 32, 3)),
    Entry("infer", "resnet", "cifar10_resnet20", "classifier", 128, (16, 16, 3)),
    Entry("infer", "unet", "unet", "unet", 4, (148, 148, 1)),
    Entry("infer", "perceptual_losses", "style_instance", "transform", 4, (96, 96, 3)),
    Entry("infer", "sagan", "attention32", "generator", 64, ()),
)


def configurations(device: str) -> list[Configuration]:
    """All that a score measures, in the order of the table."""
    return [entry.configuration(device) for entry in ENTRIES]
