"""The command line: flags, one file a command; the only room that knows how a flag is spelled."""
