"""Captures: pictures with cameras, normals and sentences, and how other datasets become such."""
