"""What a pack does, measured: protocols, metrics, intervals, calibration, report."""
