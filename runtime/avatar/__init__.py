"""A loaded avatar: its graphs as one chain, the engine chosen for them, its bank of expressions."""
