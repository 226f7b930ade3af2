"""The same machine again: across captures, addresses and address families.

`profile` writes down what a machine showed, `arguments` weighs two profiles, `across` compares two
captures, `siblings` IPv4 with IPv6, `aliases` all addresses of a capture with one another,
`link_back` an anonymised trace with a reference.
"""
