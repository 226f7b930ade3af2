"""The local page on which an analyst sees the machines, asks, and disagrees."""
