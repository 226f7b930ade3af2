"""Payload bytes to values, one protocol a file.

Every function here is total: any bytes in, a value or `None` out, never an exception, in time
linear in the length of the input. What is cut off is left out; what is whole is kept. Text comes
out as it was on the wire, control characters included: whoever shows it escapes it.
"""
