"""The folder of distilled heads, and the lists of expressions."""
