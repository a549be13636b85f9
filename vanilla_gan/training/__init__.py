"""Training: runs and forks, the loop, checkpoints, signals, and what a run writes to the disk."""
