"""Packaging of cai_keras: dependencies, extras and the `cai` console script."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="cai-keras",
    version="0.1.0",
    description=(
        "Keras 3 reproductions and benchmarks of the papers behind "
        "'CreativeAI: Deep Learning for Graphics, Image Domains'"
    ),
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["cai_keras*", "reproductions*", "benchmarks*"]),
    package_data={
        "reproductions": ["*/config.yaml", "*/README.md"],
        "cai_keras.cli": ["templates/*.template"],
        "cai_keras.reporting": ["templates/*"],
        "cai_keras.networks": ["weights/*"],
        "benchmarks.addons": ["requirements.txt", "golden.npz", "golden.json"],
    },
    install_requires=[
        "tensorflow>=2.20,<2.22",
        "keras>=3.13,<4",
        "tensorflow-datasets>=4.9.9",
        "importlib_resources>=6",  # tensorflow-datasets imports it undeclared
        "tensorboard>=2.20",
        "pyyaml>=6",
        "h5py>=3",
        "numpy>=2",
        "scipy>=1.14",
        "pydantic>=2.10",
        "typer>=0.15",
        "rich>=13",
        "pandas>=2.2",
        "matplotlib>=3.9",
        "pillow>=11",
        "scikit-image>=0.25",
        "scikit-learn>=1.6",
        "psutil>=6",
        "jinja2>=3.1",
        "nvidia-ml-py>=12",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]"],
        "jax": ["jax>=0.6"],  # the other backend that the engine trains with
        "bench": ["mlperf-logging", "xprof", "jax>=0.6", "torch"],
        "parity": ["torch", "torch-fidelity", "clean-fid", "lpips"],
        "video": ["opencv-python-headless"],
        "dev": [
            "pytest>=8",
            "pytest-timeout",
            "pytest-xdist>=3.5",
            "hypothesis>=6",
            "ruff>=0.9",
            "jax>=0.6",
            "dill",  # tfds.testing.DatasetBuilderTestCase imports it
            "selenium>=4.25",  # opens the HTML report in Chromium
        ],
    },
    entry_points={"console_scripts": ["cai = cai_keras.cli.main:main"]},
)
