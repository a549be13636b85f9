"""Mistakes that a type checker must find: strict mypy reports each `ignore` that is not needed."""

from vanilla_gan import RunConfig, register_loss

RunConfig(system="vanilla", loss="log", init="own", engine="feed", h_dim=(512, 512), iters=5)
RunConfig(loss=register_loss("mine", lambda real, fake, label: (real, fake)))
RunConfig(system="vanila")  # type: ignore[arg-type]
RunConfig(loss="mine")  # type: ignore[arg-type]
RunConfig(engine="lop")  # type: ignore[arg-type]
RunConfig(precision="float16")  # type: ignore[arg-type]
RunConfig(preset="stabel")  # type: ignore[arg-type]
RunConfig(iters="5")  # type: ignore[arg-type]
RunConfig(lr=0.1)  # type: ignore[call-arg]
