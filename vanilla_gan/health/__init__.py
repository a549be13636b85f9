"""Health: which disease the signs of a run's training tell of, and `./run.sh doctor`."""
