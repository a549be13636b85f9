"""`./run.sh sweep`: many runs side by side as processes, and what they say together."""
