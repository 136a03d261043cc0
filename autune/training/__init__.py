"""Training: an extended Kalman filter on energies and force components."""
