"""Labels for items: a QR code with the item's address and its keys in plain text, as picture or on sheets."""
