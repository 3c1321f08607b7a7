"""A live performance: frame clock, sessions, camera feeds, controls, and who shares them."""
