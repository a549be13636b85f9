"""The run folder: the files in `out/`, which training writes and everything else reads."""
