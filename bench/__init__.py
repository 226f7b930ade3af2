"""Speed and memory of wiretell beside other tools (`make bench`); accuracy (`make accuracy`)."""
