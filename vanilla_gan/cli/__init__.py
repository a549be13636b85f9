"""The command line: the commands, their flags, and the exit status."""
