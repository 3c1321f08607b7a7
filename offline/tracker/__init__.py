"""What the live tracker learns from studio people, whose coefficients are known."""
