"""Health: which diseases the signs of a run's training show, and `./run.sh doctor`."""
