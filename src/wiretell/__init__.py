"""Which machine was that? Tell apart the machines behind an address, from captured traffic."""

from __future__ import annotations
