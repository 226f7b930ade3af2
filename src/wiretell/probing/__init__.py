"""Active sampling of clocks, without a socket: events in, commands out.

READ FIRST: `sampler` decides for one host when to send and when to stop; `remote_clock` turns its
answers into a rate, `tick_edge` says when the remote clock ticks next. `sources/prober.py` owns
the sockets and the time.
"""
