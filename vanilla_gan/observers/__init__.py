"""Observers: what watches a run and leaves files of its own, without a say in its numbers."""
