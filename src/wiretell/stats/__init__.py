"""Mathematics without networking: lines, likelihoods, assignment, counting."""
