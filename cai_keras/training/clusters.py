"""How a worker learns of its peers: TF_CONFIG, Slurm, or Kubernetes."""

import os
import time
from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.distribute.cluster_resolver import slurm_cluster_resolver

from cai_keras.errors import UsageError, choose

Resolver = tf.distribute.cluster_resolver.ClusterResolver

# Names this project's pods for `train.cluster: kubernetes`.
POD_SELECTOR = "CAI_POD_SELECTOR"
_POD_START_SECONDS = 300.0
# The first task of a node listens here, the next one a port further.
_SLURM_PORT = 8888


def find_cluster(name: str) -> Resolver:
    """The cluster that this process is a worker of.

    Args:
        name: a key of `CLUSTERS`; auto: TF_CONFIG where it is set, else Slurm.
    Raises:
        UsageError: this process is not a worker of such a cluster.
    """
    if name == "auto":
        name = "slurm" if _is_slurm() and "TF_CONFIG" not in os.environ else "tf_config"
    return choose("train.cluster", name, CLUSTERS)()


def _is_slurm() -> bool:
    return "SLURM_PROCID" in os.environ and "SLURM_STEP_NODELIST" in os.environ


def _tf_config() -> Resolver:
    if "TF_CONFIG" not in os.environ:
        raise UsageError(
            "--strategy multiworker: TF_CONFIG is not set; start the workers with "
            "`cai launch --workers N -- train ...`, or see docs/distributed.md"
        )
    return tf.distribute.cluster_resolver.TFConfigClusterResolver()


def _slurm() -> Resolver:
    """The tasks of this job step in the order of their ranks.

    TensorFlow's SlurmClusterResolver sorts the hosts by name, so that node10 comes
    before node9, and fails where a task has no GPU of its own: on CPUs, and where
    Slurm shows each task only the GPU that it bound to it.
    """
    if not _is_slurm():
        raise UsageError(
            "train.cluster slurm: this process is not a Slurm task; start it with srun"
        )
    hosts = slurm_cluster_resolver.expand_hostlist(os.environ["SLURM_STEP_NODELIST"])
    tasks = slurm_cluster_resolver.expand_tasks_per_node(
        os.environ["SLURM_STEP_TASKS_PER_NODE"]
    )
    places = [(host, i) for host, n in zip(hosts, tasks, strict=True) for i in range(n)]
    addresses = [f"{host}:{_SLURM_PORT + number}" for host, number in places]
    rank = int(os.environ["SLURM_PROCID"])
    return _worker(addresses, rank, _own_gpus(rank, places))


def _own_gpus(rank: int, places: list[tuple[str, int]]) -> int:
    """How many GPUs this task uses: its share where all tasks of a node see all."""
    gpus = tf.config.list_physical_devices("GPU")
    host, number = places[rank]
    neighbours = sum(other == host for other, _ in places)
    if "SLURM_GPUS_PER_TASK" not in os.environ and len(gpus) >= neighbours > 1:
        share = len(gpus) // neighbours
        gpus = gpus[number * share : (number + 1) * share]
        tf.config.set_visible_devices(gpus, "GPU")
    return len(gpus)


def _kubernetes() -> Resolver:
    """The pods with one label, a worker each, in the order of their names.

    TensorFlow's resolver knows the pods by their nodes' addresses (hostNetwork) and
    does not know which of them it runs in.
    """
    try:
        from kubernetes import client, config
    except ImportError:
        raise UsageError(
            "train.cluster kubernetes: pip install kubernetes (a TFJob needs neither: "
            "it sets TF_CONFIG)"
        ) from None
    selector = os.environ.get(POD_SELECTOR)
    if not selector:
        raise UsageError(
            f"train.cluster kubernetes: set {POD_SELECTOR} to the label of the "
            "workers' pods, such as job-name=cai-train"
        )
    config.load_incluster_config()
    api = client.CoreV1Api()
    names = _running_pods(api, selector)
    resolver = tf.distribute.cluster_resolver.KubernetesClusterResolver(
        {"worker": [selector]}, override_client=api
    )
    own = os.environ.get("HOSTNAME", "")
    if own not in names:
        raise UsageError(
            f"train.cluster kubernetes: this pod {own!r} is not among those labelled "
            f"{selector}: {', '.join(names)}"
        )
    # By itself this resolver counts the GPUs of all pods as each one's own.
    addresses = resolver.cluster_spec().as_dict()["worker"]
    gpus = tf.config.list_physical_devices("GPU")
    return _worker(addresses, names.index(own), len(gpus))


def _worker(addresses: list[str], number: int, num_gpus: int) -> Resolver:
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": addresses}),
        task_type="worker",
        task_id=number,
        num_accelerators={"GPU": num_gpus},
        rpc_layer="grpc",
    )


def _running_pods(api, selector: str) -> list[str]:
    """Names of the pods once all of them run."""
    deadline = time.monotonic() + _POD_START_SECONDS
    while True:
        pods = api.list_pod_for_all_namespaces(label_selector=selector).items
        waiting = [p.metadata.name for p in pods if p.status.phase != "Running"]
        if pods and not waiting:
            return sorted(pod.metadata.name for pod in pods)
        if time.monotonic() > deadline:
            raise UsageError(
                f"train.cluster kubernetes: after {_POD_START_SECONDS:.0f} s these "
                f"pods labelled {selector} do not run: {', '.join(waiting) or 'none'}"
            )
        time.sleep(2.0)


CLUSTERS: dict[str, Callable[[], Resolver]] = {
    "tf_config": _tf_config,
    "slurm": _slurm,
    "kubernetes": _kubernetes,
}
