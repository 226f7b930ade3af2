"""A connection packet by packet, in prose that teaches.

`survey` gathers what is true of the whole flow, `walk` follows its packets with the memory of
both sides, `sentences` puts each step into words and `invalid` says what speaks for which cause
of an INVALID verdict. `connection` does all of it; texts and citations are in the toml files.
"""
