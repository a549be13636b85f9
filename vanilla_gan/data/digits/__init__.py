"""The built-in data set `digits`."""
