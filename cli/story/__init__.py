"""The demonstration: one item from its production to a verified scan and a paid escrow."""
