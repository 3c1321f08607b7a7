"""What every training shares: the loop, its steps and moving average, saving, devices, workers, optimisers."""
