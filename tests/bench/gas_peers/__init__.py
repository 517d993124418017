"""Contracts that ours are measured against, fetched and compiled when the bench runs."""
