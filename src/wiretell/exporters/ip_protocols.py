"""Names of IP protocols (IANA) in lists of flows."""

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp", 47: "gre"}
