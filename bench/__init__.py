"""Speed and memory of wiretell beside other tools; `make bench` runs all of it."""
