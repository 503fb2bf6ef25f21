"""Faults on purpose: the simulator of the coordinator's logic, and runs on real processes."""
