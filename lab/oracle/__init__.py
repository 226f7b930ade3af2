"""The real kernel's connection tracking as an oracle: its verdict on each packet of a capture."""
