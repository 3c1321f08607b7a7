"""What every training shares: devices, workers, optimisers, progress."""
