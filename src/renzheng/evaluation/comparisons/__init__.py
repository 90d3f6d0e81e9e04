"""One-to-one comparison measured, and calibrations fitted to it."""
