"""Commands: one module each, with its `SUMMARY`, `define()` of its flags, and `run()`.

They are loaded by name, so that no command pays for what another one needs.
"""

COMMANDS = {
    "train": "vanilla_gan.commands.train",
    "sample": "vanilla_gan.commands.sample",
}
