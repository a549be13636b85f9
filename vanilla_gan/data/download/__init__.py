"""Data files from the network: the catalog, and verified downloads from mirrors."""
