"""The package, what it needs, and the console script `vanilla-gan`."""

from __future__ import annotations

import pathlib
import re

from setuptools import find_packages, setup

ROOT = pathlib.Path(__file__).resolve().parent


def read_version() -> str:
    """Reads `__version__` as text, because the package's imports may not be installed yet."""
    source = (ROOT / "vanilla_gan" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if match is None:
        raise RuntimeError('vanilla_gan/__init__.py has no line __version__ = "..."')
    return match.group(1)


def read_description() -> str:
    """Reads the README, the long description of the package."""
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


setup(
    name="vanilla_gan",
    version=read_version(),
    description="The vanilla GAN of 2016 as a TensorFlow 1 graph under tf.compat.v1",
    long_description=read_description(),
    long_description_content_type="text/markdown",
    author="The vanilla_gan authors",
    license="MIT",
    license_files=["LICENSE"],
    keywords=["GAN", "generative adversarial network", "TensorFlow", "MNIST"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Framework :: Jupyter",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    # The originals of this port; the package has no address of its own.
    project_urls={
        "The post of 2016": "https://wiseodd.github.io/techblog/2016/09/17/gan-tensorflow/",
        "The published programs": "https://github.com/wiseodd/generative-models",
    },
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["vanilla_gan", "vanilla_gan.*"]),
    package_data={
        "vanilla_gan": ["py.typed", "*.json", "**/*.json", "**/*.npz", "report/assets/*"],
    },
    # Ranges for those who install the package beside others; constraints.txt holds exact versions.
    install_requires=[
        "absl-py>=2.0",
        "matplotlib>=3.10",
        "numpy>=2.0",
        "pillow>=10",
        "tensorflow>=2.20,<2.22",
        "tqdm>=4.60",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.20,<2.22"],
        "onnx": ["onnx>=1.19", "onnxruntime>=1.20", "tf2onnx>=1.17"],
        "tensorboard": ["tensorboard>=2.20,<2.22"],
        "test": [
            "ipykernel>=6.29",
            "jsonschema>=4.20",
            "jupyter_client>=8.0",
            "mypy>=1.15",
            "onnx>=1.19",
            "onnxruntime>=1.20",
            "pytest>=9.0",
            "pytest-xdist>=3.6",
            "ruff>=0.12",
            "selenium>=4.30",
            "tf2onnx>=1.17",
        ],
    },
    entry_points={"console_scripts": ["vanilla-gan = vanilla_gan.cli.main:main"]},
)
