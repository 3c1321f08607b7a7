"""Everything that learns. The only folder, with `export`, that needs torch."""

from runtime.telemetry import switch_off

switch_off()
