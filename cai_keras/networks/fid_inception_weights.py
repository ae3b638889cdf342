"""The published weights of the network of the FID, from a file that the user has.

The graph of 2015-12-05 was converted for PyTorch once; one file has two names:

    pt_inception-2015-12-05-6726825d.pth, of pytorch-fid's releases
    weights-inception-2015-12-05-6726825d.pth, of torch-fidelity's releases

PyTorch is not needed to read it. An .npz file with the same names and shapes is read,
too. What was loaded is known by its hash, not by its name.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from cai_keras.errors import DataError
from cai_keras.networks.fid_inception import build_fid_inception
from cai_keras.networks.torch_file import read_torch_file

# How the SHA-256 of the published file begins: it is a part of its names.
PUBLISHED_DIGEST = "6726825d"
FILE_NAMES = (
    f"pt_inception-2015-12-05-{PUBLISHED_DIGEST}.pth",
    f"weights-inception-2015-12-05-{PUBLISHED_DIGEST}.pth",
)
HOW_TO_GET_IT = (
    f"get {FILE_NAMES[0]} from the releases of mseitzer/pytorch-fid, or "
    f"{FILE_NAMES[1]} from those of toshas/torch-fidelity"
)
# Parameters of a module in the order of Keras's weights, with the axes' new order:
# PyTorch's kernels are (outputs, inputs, height, width).
_PARAMETERS = {
    "conv": {"weight": (2, 3, 1, 0)},
    "bn": {"weight": (0,), "bias": (0,), "running_mean": (0,), "running_var": (0,)},
    "fc": {"weight": (1, 0), "bias": (0,)},
}
# Steps of training: says nothing about a network that is not trained.
_IGNORED = "num_batches_tracked"


def load_fid_inception(path: Path) -> tuple[keras.Model, str]:
    """`build_fid_inception` with the weights of a file, and the file's SHA-256.

    Args:
        path: one of `FILE_NAMES`, by any name; other weights of this network in a file
            of PyTorch; or either as .npz, with the same names and shapes.
    Raises:
        DataError: no such file, which says how to get it; it is damaged, asks for
            anything but tensors, or has other tensors than this network.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; {HOW_TO_GET_IT}")
    tensors = _read_npz(path) if path.suffix == ".npz" else read_torch_file(path)
    network = build_fid_inception()
    try:
        assign_tensors(network, tensors)
    except ValueError as error:
        raise DataError(f"{path}: not this network's weights: {error}") from None
    with path.open("rb") as file:
        return network, hashlib.file_digest(file, "sha256").hexdigest()


def is_published(digest: str) -> bool:
    """Whether a file with this SHA-256 has the weights of the published numbers."""
    return digest.startswith(PUBLISHED_DIGEST)


def assign_tensors(network: keras.Model, tensors: Mapping[str, np.ndarray]) -> None:
    """Gives the network the tensors of PyTorch's module of the same name.

    Args:
        network: of `build_fid_inception`.
        tensors: `Mixed_5b.branch1x1.conv.weight` -> (outputs, inputs, height, width)...
    Raises:
        ValueError: a tensor is missing, too many, of another shape or not finite; names
            it, and nothing is changed then.
    """
    left = {name for name in tensors if not name.endswith(_IGNORED)}
    new = []
    for layer in network.layers:
        if not layer.weights:
            continue
        module = module_name(layer.name)
        parameters = _PARAMETERS[module.rpartition(".")[2]]
        pairs = zip(parameters.items(), layer.weights, strict=True)
        for (parameter, axes), weight in pairs:
            name = f"{module}.{parameter}"
            new.append((weight, _as_weight(tensors, name, axes, tuple(weight.shape))))
            left.discard(name)
    if left:
        raise ValueError(f"{len(left)} unknown tensors, such as {min(left)}")
    for weight, value in new:
        weight.assign(value)


def module_name(layer: str) -> str:
    """Of a layer: mixed_5b_branch1x1_conv -> Mixed_5b.branch1x1.conv."""
    if layer == "logits":
        return "fc"
    module, _, kind = layer.rpartition("_")
    module = re.sub(r"^(mixed_\d\w)_", r"\1.", module)
    return f"{module[0].upper()}{module[1:]}.{'bn' if kind == 'norm' else kind}"


def _as_weight(tensors, name: str, axes, shape: tuple[int, ...]) -> np.ndarray:
    if name not in tensors:
        raise ValueError(f"no tensor {name}")
    tensor = tensors[name]
    expected = [0] * len(axes)
    for axis, size in zip(axes, shape, strict=True):
        expected[axis] = size
    if tensor.shape != tuple(expected):
        raise ValueError(
            f"{name}: expected shape {tuple(expected)}, found {tensor.shape}"
        )
    if not np.isfinite(tensor).all():
        raise ValueError(f"{name}: not all numbers are finite")
    return np.ascontiguousarray(np.transpose(tensor, axes), np.float32)


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # a damaged archive can raise nearly anything
        text = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: not a whole .npz file: {text}") from error
