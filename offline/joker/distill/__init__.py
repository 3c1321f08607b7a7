"""From a prior to a head: schedule, targets, the tri-plane head, its losses, and jobs of many."""
