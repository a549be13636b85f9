"""Commands: one module each, with its `SUMMARY`, `define()` of its flags, and `run()`.

They are loaded by name, so that no command pays for what another one needs.
"""

COMMANDS = {
    "train": "vanilla_gan.cli.train",
    "fork": "vanilla_gan.cli.fork",
    "sample": "vanilla_gan.cli.sample",
    "evaluate": "vanilla_gan.cli.evaluate",
    "report": "vanilla_gan.cli.report",
    "doctor": "vanilla_gan.cli.doctor",
    "compare": "vanilla_gan.cli.compare",
    "verify": "vanilla_gan.cli.verify",
    "export": "vanilla_gan.cli.export",
    "import_weights": "vanilla_gan.cli.import_weights",
    "import_images": "vanilla_gan.cli.import_images",
}
