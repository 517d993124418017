"""Where a thing went, by what, with whom, and what of it does not fit; see docs/route.md."""
