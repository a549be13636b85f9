"""Observers: what watches a run and writes files of its own, without affecting its numbers."""
