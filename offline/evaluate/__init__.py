"""How good an avatar is, in numbers."""
