"""Networks that make pictures of pictures, as runs export them."""

from pathlib import Path

import keras

from cai_keras.errors import DataError, UsageError
from cai_keras.networks import transform_net  # registers the layers of such networks

__all__ = ["load_trained", "transform_net"]


def load_trained(path: Path) -> keras.Model:
    """The one network of a run's folder, or that of a `.keras` file.

    Raises:
        UsageError: no network there, several, or one that does not make pictures of
            pictures of any size.
        DataError: the file is damaged.
    """
    file = _file_of(Path(path))
    try:
        network = keras.saving.load_model(file, compile=False)
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{file}: cannot be loaded ({reason})") from error
    ends = [*network.inputs, *network.outputs]
    shapes = [tuple(end.shape) for end in ends]
    if len(ends) != 2 or any(len(shape) != 4 or shape[3] != 3 for shape in shapes):
        found = ", ".join(str(shape) for shape in shapes)
        raise UsageError(
            f"{file}: expected a network from pictures to pictures, received {found}"
        )
    if shapes[0][1:3] != (None, None):
        raise UsageError(
            f"{file}: expected a network for pictures of any size, received one for "
            f"{shapes[0][1]} x {shapes[0][2]}"
        )
    return network


def _file_of(path: Path) -> Path:
    if path.is_file():
        if path.suffix != ".keras":
            raise UsageError(f"{path}: expected a run's folder or a .keras file")
        return path
    if not path.is_dir():
        raise UsageError(f"{path}: no such run or file")
    found = sorted([*path.glob("*.keras"), *path.glob("checkpoints/*.keras")])
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise UsageError(
            f"{path}: expected a run's folder with one exported network, found {names}"
        )
    return found[0]
