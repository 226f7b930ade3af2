"""What the tables tell a person: connections packet by packet, how good a capture is."""
