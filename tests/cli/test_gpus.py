"""GPUs handed out to processes that run side by side."""

import pynvml
import pytest

from cai_keras.cli.gpus import gpu_environment, visible_gpus


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("0,1", ["0", "1"]),
        ("GPU-8f1, 2", ["GPU-8f1", "2"]),
        ("", []),
        ("-1", []),
        ("1,-1,0", ["1"]),  # CUDA stops at the first that is no device
    ],
)
def test_the_environment_says_which_gpus_there_are(monkeypatch, named, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)

    assert visible_gpus() == expected


def test_without_that_the_driver_says_it(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lambda: 3)

    assert visible_gpus() == ["0", "1", "2"]


def test_without_a_driver_there_is_none(monkeypatch):
    def fail():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(pynvml, "nvmlInit", fail)

    assert visible_gpus() == []
    assert gpu_environment(0, 4, shares_all=False) == {}


def test_as_many_jobs_as_gpus_have_one_each(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")

    found = [gpu_environment(slot, 2, shares_all=False) for slot in range(2)]

    assert found == [{"CUDA_VISIBLE_DEVICES": "4"}, {"CUDA_VISIBLE_DEVICES": "7"}]


def test_jobs_that_share_a_gpu_do_not_take_all_of_its_memory(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")

    third = gpu_environment(2, 3, shares_all=False)

    assert third["CUDA_VISIBLE_DEVICES"] == "4"
    assert third["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert third["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


def test_jobs_that_use_every_gpu_see_every_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")

    found = gpu_environment(0, 2, shares_all=True)

    assert "CUDA_VISIBLE_DEVICES" not in found
    assert found["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
