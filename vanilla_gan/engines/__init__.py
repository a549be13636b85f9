"""Engines: a graph with an open session, what it is fed with, and the two ways to train it."""
