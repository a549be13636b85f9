"""`./run.sh sweep`: many runs side by side as processes, and a summary of them."""
