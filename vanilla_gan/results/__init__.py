"""Results: pictures and tables of a run as files; knows nothing of the session."""
