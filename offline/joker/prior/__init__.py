"""The 2D diffusion prior: its networks, their training, and what it makes of a reference and a sentence."""
