"""How a worker learns of its peers, with the variables and answers of clusters."""

import json
import sys
from types import SimpleNamespace

import pytest
import tensorflow as tf

from cai_keras.errors import UsageError
from cai_keras.training import clusters
from cai_keras.training.clusters import find_cluster
from cai_keras.training.distribution import make_strategy

ADDRESSES = ["a:1", "b:1", "c:1"]


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    """This machine's own cluster, if it is in one, is not what is tested."""
    for name in ("TF_CONFIG", "CAI_POD_SELECTOR", "SLURM_GPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    for name in ("PROCID", "STEP_NODELIST", "STEP_TASKS_PER_NODE"):
        monkeypatch.delenv(f"SLURM_{name}", raising=False)


def slurm(monkeypatch, rank, hosts, tasks):
    monkeypatch.setenv("SLURM_PROCID", str(rank))
    monkeypatch.setenv("SLURM_STEP_NODELIST", hosts)
    monkeypatch.setenv("SLURM_STEP_TASKS_PER_NODE", tasks)
    return find_cluster("slurm")


@pytest.fixture
def gpus(monkeypatch):
    """Function that sets how many GPUs there are; returns those made visible."""
    chosen = []

    def make(count):
        names = [f"gpu{number}" for number in range(count)]
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: names)
        monkeypatch.setattr(
            tf.config, "set_visible_devices", lambda some, kind: chosen.extend(some)
        )
        return chosen

    return make


def test_a_slurm_step_is_a_cluster(monkeypatch):
    resolver = slurm(monkeypatch, 2, "gpu[01-02],login", "2,1(x2)")

    expected = ["gpu01:8888", "gpu01:8889", "gpu02:8888", "login:8888"]
    assert resolver.cluster_spec().as_dict() == {"worker": expected}
    assert (resolver.task_type, resolver.task_id) == ("worker", 2)
    assert resolver.rpc_layer == "grpc"


def test_slurms_ranks_go_by_the_node_list_and_not_by_the_alphabet(monkeypatch):
    resolver = slurm(monkeypatch, 0, "node[9-10]", "1(x2)")
    assert resolver.cluster_spec().task_address("worker", 0) == "node9:8888"


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 1), (4, 4)])
def test_a_slurm_task_alone_on_its_node_uses_all_gpus(
    monkeypatch, gpus, count, expected
):
    chosen = gpus(count)
    resolver = slurm(monkeypatch, 1, "a,b", "1(x2)")
    assert resolver.num_accelerators() == {"GPU": expected}
    assert chosen == []


def test_slurm_tasks_that_see_all_gpus_of_their_node_share_them(monkeypatch, gpus):
    chosen = gpus(4)
    resolver = slurm(monkeypatch, 3, "a,b", "2(x2)")
    assert resolver.num_accelerators() == {"GPU": 2}
    assert chosen == ["gpu2", "gpu3"]


def test_a_slurm_task_keeps_the_gpus_that_were_bound_to_it(monkeypatch, gpus):
    chosen = gpus(2)
    monkeypatch.setenv("SLURM_GPUS_PER_TASK", "2")
    resolver = slurm(monkeypatch, 3, "a,b", "2(x2)")
    assert resolver.num_accelerators() == {"GPU": 2}
    assert chosen == []


def test_tf_config_goes_before_slurm(monkeypatch):
    slurm(monkeypatch, 0, "a,b", "1(x2)")
    task = {"type": "worker", "index": 1}
    config = {"cluster": {"worker": ADDRESSES}, "task": task}
    assert find_cluster("auto").cluster_spec().as_dict() == {
        "worker": ["a:8888", "b:8888"]
    }

    monkeypatch.setenv("TF_CONFIG", json.dumps(config))

    resolver = find_cluster("auto")
    assert resolver.cluster_spec().as_dict() == {"worker": ADDRESSES}
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("slrm", "train.cluster: unknown name 'slrm'; did you mean 'slurm'"),
        ("auto", "--strategy multiworker: TF_CONFIG is not set; .*`cai launch"),
        ("tf_config", "--strategy multiworker: TF_CONFIG is not set"),
        ("slurm", "train.cluster slurm: this process is not a Slurm task"),
    ],
)
def test_a_process_outside_of_a_cluster_is_wrong_usage(name, message):
    with pytest.raises(UsageError, match=message):
        make_strategy("multiworker", name)


def test_without_its_package_kubernetes_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(UsageError, match="pip install kubernetes"):
        make_strategy("multiworker", "kubernetes")


# Kubernetes


class Pods:
    """Stands in for the cluster's list of pods, one list for each time it is asked."""

    def __init__(self, *lists):
        self._lists = list(lists)
        self.asked = []

    def list_pod_for_all_namespaces(self, label_selector):
        self.asked.append(label_selector)
        pods = self._lists[0] if len(self._lists) == 1 else self._lists.pop(0)
        return SimpleNamespace(items=[pod(*fields) for fields in pods])


def pod(name, host_ip, phase="Running"):
    metadata = SimpleNamespace(name=name)
    return SimpleNamespace(
        metadata=metadata, status=SimpleNamespace(phase=phase, host_ip=host_ip)
    )


@pytest.fixture
def kubernetes(monkeypatch):
    """Function that puts this process into the pod `own` of a cluster with `pods`."""

    def make(own, pods):
        config = SimpleNamespace(load_incluster_config=lambda: None)
        client = SimpleNamespace(CoreV1Api=lambda: pods)
        package = SimpleNamespace(config=config, client=client)
        monkeypatch.setitem(sys.modules, "kubernetes", package)
        monkeypatch.setattr(clusters.time, "sleep", lambda seconds: None)
        monkeypatch.setenv("CAI_POD_SELECTOR", "job-name=cai")
        monkeypatch.setenv("HOSTNAME", own)

    return make


def test_pods_are_workers_in_the_order_of_their_names(kubernetes):
    pods = Pods([("cai-1", "10.0.0.7"), ("cai-0", "10.0.0.9")])
    kubernetes("cai-1", pods)

    resolver = find_cluster("kubernetes")

    spec = resolver.cluster_spec().as_dict()
    assert spec == {"worker": ["10.0.0.9:8470", "10.0.0.7:8470"]}
    assert (resolver.task_type, resolver.task_id) == ("worker", 1)
    assert resolver.rpc_layer == "grpc"
    assert set(pods.asked) == {"job-name=cai"}


def test_a_pod_uses_its_own_gpus(kubernetes, gpus):
    gpus(4)
    kubernetes("cai-0", Pods([("cai-0", "10.0.0.9"), ("cai-1", "10.0.0.7")]))

    assert find_cluster("kubernetes").num_accelerators() == {"GPU": 4}


def test_a_pod_waits_until_all_of_them_run(kubernetes):
    running = [("cai-0", "10.0.0.9"), ("cai-1", "10.0.0.7")]
    pods = Pods([], [("cai-0", "10.0.0.9"), ("cai-1", None, "Pending")], running)
    kubernetes("cai-0", pods)

    spec = find_cluster("kubernetes").cluster_spec().as_dict()
    assert spec == {"worker": ["10.0.0.9:8470", "10.0.0.7:8470"]}


def test_pods_that_never_run_are_named(kubernetes, monkeypatch):
    pods = Pods([("cai-0", "10.0.0.9"), ("cai-1", None, "Pending")])
    kubernetes("cai-0", pods)
    monkeypatch.setattr(clusters, "_POD_START_SECONDS", 0.0)

    with pytest.raises(UsageError, match="labelled job-name=cai do not run: cai-1"):
        find_cluster("kubernetes")


def test_a_pod_without_the_label_is_wrong_usage(kubernetes):
    kubernetes("other", Pods([("cai-0", "10.0.0.9")]))

    with pytest.raises(UsageError, match=r"'other' is not among .*: cai-0"):
        find_cluster("kubernetes")


def test_kubernetes_needs_the_label_of_the_pods(kubernetes, monkeypatch):
    kubernetes("cai-0", Pods([]))
    monkeypatch.delenv("CAI_POD_SELECTOR")

    with pytest.raises(UsageError, match="set CAI_POD_SELECTOR to the label"):
        find_cluster("kubernetes")
