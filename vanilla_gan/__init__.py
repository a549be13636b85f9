"""The vanilla GAN of 2016 as a TensorFlow 1 graph; importing this has no effect.

For programs and notebooks (see `docs/python.md`): `train`, `fork`, `RunConfig`, `Generator`,
`build_graph`, and `VanillaGanError`, which all failures are. Each is loaded when it is first asked
for.
"""

__version__ = "0.1.0"

__all__ = [
    "Generator",
    "RunConfig",
    "VanillaGanError",
    "__version__",
    "build_graph",
    "fork",
    "train",
]

# As `typing.TYPE_CHECKING`, without loading `typing`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vanilla_gan.api import build_graph, fork, train
    from vanilla_gan.errors import VanillaGanError
    from vanilla_gan.generator.generator import Generator
    from vanilla_gan.settings import RunConfig
else:
    _HOMES = {
        "Generator": "vanilla_gan.generator.generator",
        "RunConfig": "vanilla_gan.settings",
        "VanillaGanError": "vanilla_gan.errors",
        "build_graph": "vanilla_gan.api",
        "fork": "vanilla_gan.api",
        "train": "vanilla_gan.api",
    }

    def __getattr__(name):
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)

    def __dir__():
        return sorted({*globals(), *__all__})
