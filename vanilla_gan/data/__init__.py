"""Data: verified IDX files on disk -> uint8 arrays -> the published program's mini-batches."""
