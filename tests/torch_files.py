"""Files as PyTorch writes them, made with the standard library alone."""

import pickle
import zipfile
from math import prod

import numpy as np

from cai_keras.networks.fid_inception_weights import module_name

STORAGES = {"<f2": "Half", "<f4": "Float", "<f8": "Double", "<i8": "Long"}
OLD_HEAD = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})


def tensor_pickle(tensors, is_old=False):
    """The pickle of an ordered dictionary of contiguous tensors, block by block."""
    entries = b"".join(
        plain(name) + _tensor(str(key), array, is_old) + pickle.SETITEM
        for key, (name, array) in enumerate(tensors.items())
    )
    return pickle.PROTO + b"\x02" + _ordered_dict() + entries + pickle.STOP


def write_zip(path, tensors, pickled=None, folder="archive", compression=0):
    """As torch.save writes since version 1.6."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        content = tensor_pickle(tensors) if pickled is None else pickled
        archive.writestr(f"{folder}/data.pkl", content)
        archive.writestr(f"{folder}/byteorder", "little")
        for key, array in enumerate(tensors.values()):
            archive.writestr(f"{folder}/data/{key}", array.tobytes())
        archive.writestr(f"{folder}/version", "3\n")
    return path


def write_old(path, tensors, head=OLD_HEAD):
    """As torch.save wrote before, and as the published weights were written."""
    with path.open("wb") as file:
        for part in head:
            pickle.dump(part, file, protocol=2)
        file.write(tensor_pickle(tensors, is_old=True))
        pickle.dump([str(key) for key in range(len(tensors))], file, protocol=2)
        for array in tensors.values():
            file.write(array.size.to_bytes(8, "little") + array.tobytes())
    return path


def random_inception(network, seed=0):
    """Tensors of PyTorch's names and shapes for `build_fid_inception`.

    Signals keep their size through all layers: variance 2 / inputs before a ReLU.
    """
    rng = np.random.default_rng(seed)
    tensors = {}

    def add(name, values):
        tensors[name] = np.ascontiguousarray(values, np.float32)

    for layer in network.layers:
        if not layer.weights:
            continue
        module = module_name(layer.name)
        shape = tuple(layer.weights[0].shape)
        if len(shape) == 1:
            add(f"{module}.weight", rng.uniform(0.8, 1.2, shape))
            add(f"{module}.bias", rng.normal(0, 0.1, shape))
            add(f"{module}.running_mean", rng.normal(0, 0.1, shape))
            add(f"{module}.running_var", rng.uniform(0.5, 1.5, shape))
            tensors[f"{module}.num_batches_tracked"] = np.array(7)
        else:
            # From (height, width, inputs, outputs) to (outputs, inputs, height, width).
            *window, inputs, outputs = shape
            kernel = rng.standard_normal((outputs, inputs, *window), np.float32)
            add(f"{module}.weight", kernel * np.sqrt(2 / (inputs * prod(window))))
    add("fc.bias", rng.normal(0, 1, 1008))
    return tensors


def plain(value):
    """The opcodes that put a plain value onto the stack."""
    return pickle.dumps(value, protocol=2)[2:-1]


def named(module, name):
    """The opcodes that ask for module.name."""
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _tensor(key, array, is_old):
    storage = named("torch", STORAGES[array.dtype.str] + "Storage")
    view = plain(None) if is_old else b""
    block = (
        pickle.MARK + plain("storage") + storage + plain(key) + plain("cpu")
        + plain(array.size) + view + pickle.TUPLE + pickle.BINPERSID
    )  # fmt: skip
    strides = tuple(step // array.itemsize for step in array.strides)
    arguments = plain(0) + plain(array.shape) + plain(strides) + plain(False)
    return (
        named("torch._utils", "_rebuild_tensor_v2") + pickle.MARK + block + arguments
        + _ordered_dict() + pickle.TUPLE + pickle.REDUCE
    )  # fmt: skip


def _ordered_dict():
    return named("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
