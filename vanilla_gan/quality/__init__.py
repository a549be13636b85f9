"""`./run.sh evaluate`: figures that say what generated pictures are like."""
