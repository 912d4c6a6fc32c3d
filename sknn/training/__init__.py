"""Training: epochs, schedules, shuffling, L-BFGS, and measurements between epochs."""
