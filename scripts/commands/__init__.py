"""One module for each command of `segfleet`."""
