"""Commands: one module each, with its `SUMMARY`, `define()` of its flags, and `run()`.

They are loaded by name, so that no command pays for what another one needs.
"""

COMMANDS = {
    "train": "vanilla_gan.commands.train",
    "sample": "vanilla_gan.commands.sample",
    "evaluate": "vanilla_gan.commands.evaluate",
    "report": "vanilla_gan.commands.report",
    "compare": "vanilla_gan.commands.compare",
    "export": "vanilla_gan.commands.export",
    "import_weights": "vanilla_gan.commands.import_weights",
    "import_images": "vanilla_gan.commands.import_images",
}
