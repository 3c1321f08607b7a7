"""A Mien avatar in Python: pictures out, coefficients, prompts and scripts in."""

from mien_client.connection import Connection, MessageRefused, MienClientError, connect
from mien_client.frame import Frame

__all__ = ["Connection", "Frame", "MessageRefused", "MienClientError", "connect"]
