"""Benches: speed and memory against named peers, measured in the same run. Not tests; run by scripts/bench."""
