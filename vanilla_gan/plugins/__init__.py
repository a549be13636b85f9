"""Losses, penalties and systems of the user's own: registered, loaded from files, trusted."""
