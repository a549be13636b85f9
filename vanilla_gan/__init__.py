"""The vanilla GAN of 2016 as a TensorFlow 1 graph; importing it has no side effects.

For programs and notebooks (see `docs/python.md`): `RunConfig`, `train`, `fork`, `Observer`,
`Generator`, `evaluate`, `compare`, `doctor`, `make_report`, `export`, `import_images`,
`import_arrays`, `build_graph`, `register_loss`, `register_penalty`, `register_system`,
`load_plugin`, and `VanillaGanError`, the base class of all errors that a user can cause. Each is
loaded on first use.
"""

__version__ = "0.1.0"

__all__ = [
    "Generator",
    "Observer",
    "RunConfig",
    "VanillaGanError",
    "__version__",
    "build_graph",
    "compare",
    "doctor",
    "evaluate",
    "export",
    "fork",
    "import_arrays",
    "import_images",
    "load_plugin",
    "make_report",
    "register_loss",
    "register_penalty",
    "register_system",
    "train",
]

# Like `typing.TYPE_CHECKING`, but without loading `typing`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from vanilla_gan.api import (
        build_graph,
        compare,
        doctor,
        evaluate,
        export,
        fork,
        import_images,
        make_report,
        train,
    )
    from vanilla_gan.data.pictures.arrays import import_arrays
    from vanilla_gan.errors import VanillaGanError
    from vanilla_gan.generator.generator import Generator
    from vanilla_gan.observers.observer import Observer
    from vanilla_gan.plugins.loading import load_plugin
    from vanilla_gan.plugins.registry import register_loss, register_penalty, register_system
    from vanilla_gan.settings import RunConfig
else:
    _HOMES = {
        "Generator": "vanilla_gan.generator.generator",
        "Observer": "vanilla_gan.observers.observer",
        "RunConfig": "vanilla_gan.settings",
        "VanillaGanError": "vanilla_gan.errors",
        "import_arrays": "vanilla_gan.data.pictures.arrays",
        "load_plugin": "vanilla_gan.plugins.loading",
        "register_loss": "vanilla_gan.plugins.registry",
        "register_penalty": "vanilla_gan.plugins.registry",
        "register_system": "vanilla_gan.plugins.registry",
    }

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        import importlib

        return getattr(importlib.import_module(_HOMES.get(name, "vanilla_gan.api")), name)

    def __dir__():
        return sorted({*globals(), *__all__})
