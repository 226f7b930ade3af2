"""One file per signal: what it measures (extract) and what it argues (score)."""
