"""Simulation of disasters from one seed: `python -m tests.simulation --seeds N --first S`."""
