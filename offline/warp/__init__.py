"""From posed, expressive heads back to the neutral head's space."""
