"""The run folder: what stands in `out/`, written by training and read by everyone else."""
