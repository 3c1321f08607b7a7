"""Synthetic people of whom everything is known, rendered on the head model's dense mesh."""
