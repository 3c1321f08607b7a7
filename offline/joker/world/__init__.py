"""A synthetic world of people and looks, in which the small prior learns."""
