"""Evaluation: numbers that say what generated pictures are like."""
