"""The receiving half of a TCP connection: what came in order, and what waits for a gap to fill."""


class Reassembly:
    """Counts bytes, keeps none. ``nxt`` is RCV.NXT (RFC 9293); it does not wrap."""

    def __init__(self) -> None:
        self.nxt = 0
        self._held: dict[int, int] = {}
        self._last_held = 0

    def add(self, seq: int, n_bytes: int) -> int:
        """Take a segment; the number of bytes that are now in order and were not before."""
        if seq > self.nxt:
            if n_bytes:
                self._held[seq] = n_bytes
                self._last_held = seq
            return 0
        before = self.nxt
        self.nxt = max(self.nxt, seq + n_bytes)
        while self._held and (first := min(self._held)) <= self.nxt:
            self.nxt = max(self.nxt, first + self._held.pop(first))
        return self.nxt - before

    def block(self) -> tuple[int, int] | None:
        """The run of waiting bytes that the last early segment belongs to (RFC 2018, 4)."""
        left = right = -1
        for seq in sorted(self._held):
            if seq > right:
                if left <= self._last_held < right:
                    break
                left = seq
            right = max(right, seq + self._held[seq])
        return (left, right) if right > left else None
