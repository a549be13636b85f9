"""`./run.sh compare`: whether a run agrees with what was published."""
