"""Everything that serves a baked avatar. Never imports torch."""
