"""What methods share: tasks, runs, augmentation, the step loop, EMA, calibration."""
