"""Storage: files that are written whole or not at all, sealed JSON, npz."""
