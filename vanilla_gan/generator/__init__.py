"""A trained generator: loaded, sampled, exported, imported."""
