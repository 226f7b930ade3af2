"""When a flow that goes on, or has gone quiet, is handed out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """When a flow is handed out, in seconds of packet time.

    `inactive_s`: idle for this long, whatever its protocol; None: the tracker's own times.
    `active_s`: alive for this long, though it goes on; 0: never.
    """

    inactive_s: int | None = None
    active_s: int = 0

    def settings(self) -> dict[str, int]:
        """As the core's `Tracker` and `FlowCounter` take them."""
        settings = {"active_timeout_s": self.active_s}
        if self.inactive_s is not None:
            kinds = ("tcp", "tcp_opening", "udp_brief", "udp", "icmp", "other")
            settings |= {f"{kind}_timeout_s": self.inactive_s for kind in kinds}
        return settings
