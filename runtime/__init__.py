"""Everything that serves a baked avatar. Never imports torch."""

from runtime.telemetry import switch_off

switch_off()
