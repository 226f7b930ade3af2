"""One file per signal: what it measures, from what, and where it is blind."""
