"""What all tests share."""

import os

from runtime.telemetry import switch_off

switch_off()

# Tiny networks gain nothing from more threads, and threads that spin while they wait for each other take many times as
# long on a busy machine. Before torch is imported; processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
