"""Indexers of others, run on the same chain into the same PostgreSQL as ours.

Each is set up in a folder of its own outside of the tree, from its registry, at a pinned version.
"""
