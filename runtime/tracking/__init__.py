"""From camera frames to drive states."""
