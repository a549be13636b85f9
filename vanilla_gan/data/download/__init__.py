"""Data files from the network: catalog, mirrors, verified."""
