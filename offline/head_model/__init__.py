"""Builds the head model that ships with Mien."""
