"""Training: sessions, the one random stream, the loop, and what a run leaves on the disk."""
