"""Evidence -> devices: sides, groups, fusion, count, explanation."""
