"""What a training run needs around its loop: settings, state, checkpoints, logs, devices, signals."""
