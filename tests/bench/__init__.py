"""Benches: speed and memory against named peers, measured in the same run; run by scripts/bench."""
