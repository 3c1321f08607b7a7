"""The jobs of the `mien` command that need no torch."""
