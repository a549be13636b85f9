"""Storage: files that land whole or not at all, sealed JSON, npz."""
