"""What a benchmark measured: one row for each configuration, and the file of them.

A file is JSON in the style {name, environ, metrics}: `environ` says which machine and
versions, `ceilings` what this machine can do at best, measured in the same call, and
`metrics` has the rows. Units are in the names; a number that is not known is null.
"""

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from cai_keras.errors import DataError
from cai_keras.reporting.atomic import write_atomic

SCHEMA_VERSION = 1
_Model = TypeVar("_Model", bound=BaseModel)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Configuration(_Part):
    """What is run; two rows with equal configurations can be compared.

    Attributes:
        kind: train, a step of all updates of the paper's learner; infer, a forward pass
            of one network.
        paper, scale, variant: of the recipe.
        network: the one that is run; of a training step "all".
        backend: tensorflow, jax, torch.
        device: cpu, gpu or tpu.
        precision: float32, mixed_bfloat16, mixed_float16.
        xla: whether the step is compiled by XLA.
        strategy, replicas: of tf.distribute; one and 1 without.
        data: synthetic, one batch that stays on the device; real, the paper's pipeline.
        batch_size: examples of all replicas together.
        image_shape: of one example, without the batch; empty where it is no image.
    """

    kind: Literal["train", "infer"]
    paper: str
    scale: str
    variant: str
    network: str
    backend: Literal["tensorflow", "jax", "torch"]
    device: str
    precision: str
    xla: bool
    strategy: str = "one"
    replicas: int = 1
    data: Literal["synthetic", "real"] = "synthetic"
    batch_size: int
    image_shape: tuple[int, ...]

    @property
    def model(self) -> str:
        """Its name in tables: paper/variant, and the network where it is one."""
        name = f"{self.paper}/{self.variant}"
        return name if self.network == "all" else f"{name}/{self.network}"


class Repeat(_Part):
    """One stretch of steady steps.

    Attributes:
        step_seconds: of each step, in their order, the device having finished.
    """

    step_seconds: tuple[float, ...]


class Row(_Part):
    """One configuration: measured, or the reason why not.

    Attributes:
        state: done; out_of_memory; failed, with the `reason`.
        repeats: interleaved with those of the other configurations.
        is_steady: whether step times stopped changing before the first repeat.
        first_step_seconds: tracing, compiling and the first step.
        warmup_steps: before the first repeat.
        samples_per_second: median over repeats.
        spread_percent: interquartile range over median, of the repeats' speeds.
        noise: quiet, noisy (spread above 10 %), or drifting (each of four or more
            repeats is slower than the one before it, by more than 1 % in all).
        step_p50_seconds, step_p90_seconds, step_p99_seconds: of all steps.
        peak_host_bytes: largest resident size of the process.
        peak_device_bytes: of the device's memory, where it has its own.
        parameters: of the networks of the configuration.
        sample_flops: operations of the network for one example, a multiplication and an
            addition being two; of a training step those of its gradients too, which
            makes about three times its forward passes.
        sample_activations: numbers in the outputs of layers with weights, as timm
            counts them.
        step_bytes: least number of bytes that a step has to move: see the module that
            counts them.
        flops_per_second, share_of_peak: operations done, and over the machine's
            measured matrix product in this precision.
        bound: which roof of the roofline is lower at this place, compute or memory.
        joules_per_sample: where the device tells its power.
    """

    configuration: Configuration
    state: Literal["done", "out_of_memory", "failed"]
    reason: str | None = None
    repeats: tuple[Repeat, ...] = ()
    is_steady: bool | None = None
    first_step_seconds: float | None = None
    warmup_steps: int | None = None
    samples_per_second: float | None = None
    spread_percent: float | None = None
    noise: Literal["quiet", "noisy", "drifting"] | None = None
    step_p50_seconds: float | None = None
    step_p90_seconds: float | None = None
    step_p99_seconds: float | None = None
    peak_host_bytes: int | None = None
    peak_device_bytes: int | None = None
    parameters: int | None = None
    sample_flops: float | None = None
    sample_activations: float | None = None
    step_bytes: float | None = None
    flops_per_second: float | None = None
    share_of_peak: float | None = None
    bound: Literal["compute", "memory"] | None = None
    joules_per_sample: float | None = None


class Ceilings(_Part):
    """What one device of this machine did at best, with one backend, in this call.

    Attributes:
        matrix_flops_per_second: precision -> operations a second of a large product.
        convolution_flops_per_second: likewise of a 3x3 convolution.
        copy_bytes_per_second: read and written.
        launch_seconds: of a compiled call that does next to nothing.
    """

    backend: str
    device: str
    device_name: str
    matrix_flops_per_second: dict[str, float]
    convolution_flops_per_second: dict[str, float]
    copy_bytes_per_second: float
    launch_seconds: float


class BenchmarkFile(_Part):
    """All of one call of `cai bench`.

    Attributes:
        name: of the benchmark, such as train.
        environ: machine, driver, versions, settings: see `cai bench machine`.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    environ: dict[str, Any]
    ceilings: tuple[Ceilings, ...] = ()
    metrics: tuple[Row, ...] = ()

    def write(self, path: Path) -> None:
        write_atomic(path, self.model_dump_json(indent=1).encode() + b"\n")


def read_benchmark(path: Path) -> BenchmarkFile:
    """A file that `cai bench` wrote; raises as `read_model`."""
    return read_model(path, BenchmarkFile, "a benchmark")


def read_model(path: Path, kind: type[_Model], what: str) -> _Model:
    """A JSON file as a model.

    Args:
        what: that is expected there, such as `a score`.
    Raises:
        DataError: it is missing or damaged, or of another version.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: not {what}: {place}: {first['msg']}") from error
