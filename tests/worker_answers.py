"""What a benchmark's worker answers, for fakes: every step takes a quarter second."""

_MEMORY = {"peak_host_bytes": 10**9, "peak_device_bytes": None}
ANSWERS = {
    "hello": {
        "device": "cpu", "settings": {"version": "1"},
        "machine": {"cpu": "a CPU", "versions": {}},
    },
    "prepare": {
        "image_shape": [], "replicas": 1, "first_step_seconds": 1.0,
        "warmup_steps": 5, "is_steady": True, **_MEMORY,
    },
    "repeat": {
        "step_seconds": [0.25, 0.25], "block": 1, "joules": None, **_MEMORY,
    },
}  # fmt: skip
