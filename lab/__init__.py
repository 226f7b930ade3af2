"""Traffic with known truth: a simulator, and guests behind a real NAT."""
