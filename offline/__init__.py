"""Everything that learns. The only folder, with `export`, that needs torch."""
