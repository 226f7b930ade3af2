"""How far the telling apart of machines is, beside a page that is open already; and the reading of
every packet for close views.

Values and steps between them alone; `background` does the work and takes the steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from wiretell.exporters.quantity import count


class Phase(Enum):
    """What is being done."""

    JUDGING = "judging"
    SAVING = "saving"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Judging:
    """`n_done` of `n_all` addresses are judged; `problem` is why there is no more to come.

    A phase is never left for an earlier one, and nothing follows DONE and FAILED: what arrives
    late changes nothing. `reads_packets`: not every packet is there yet to be drawn; `unread` is
    why that will not change.
    """

    phase: Phase
    n_done: int = 0
    n_all: int = 0
    problem: str = ""
    reads_packets: bool = False
    unread: str = ""

    @classmethod
    def of_judged(cls) -> Judging:
        """There is nothing to do: the report was judged before."""
        return cls(Phase.DONE)

    @classmethod
    def begun(cls, n_all: int, *, reads_packets: bool = False) -> Judging:
        """The machines of so many addresses are to be told apart."""
        return cls(Phase.JUDGING, 0, n_all, reads_packets=reads_packets)

    @property
    def is_over(self) -> bool:
        """Nothing more will change."""
        return self.phase in (Phase.DONE, Phase.FAILED)

    def advanced(self, n: int) -> Judging:
        """So many more addresses are judged."""
        if self.phase is not Phase.JUDGING or n < 0:
            return self
        return replace(self, n_done=min(self.n_done + n, self.n_all))

    def packets_read(self, unread: str = "") -> Judging:
        """Every packet can be drawn; `unread` is why not."""
        if not self.reads_packets:
            return self
        return replace(self, reads_packets=False, unread=unread)

    def saving(self) -> Judging:
        """All are judged; the report is being written."""
        return self if self.phase is not Phase.JUDGING else replace(self, phase=Phase.SAVING)

    def finished(self, problem: str = "") -> Judging:
        """The machines are told apart; `problem` is why the report was not saved."""
        if self.is_over:
            return self
        return replace(self, phase=Phase.DONE, n_done=self.n_all, problem=problem)

    def failed(self, problem: str) -> Judging:
        """The machines could not be told apart."""
        return self if self.is_over else replace(self, phase=Phase.FAILED, problem=problem)

    def words(self) -> str:
        """The state in some sentences; empty where there is nothing to say."""
        return " ".join(text for text in (self._of_machines(), self._of_packets()) if text)

    def _of_packets(self) -> str:
        if self.reads_packets:
            return "Every packet is being read for close views; until then a few of each flow."
        if self.unread:
            return f"Close views draw a few packets of each flow: {self.unread}."
        return ""

    def _of_machines(self) -> str:
        match self.phase:
            case Phase.JUDGING:
                return (
                    "Machines are being told apart:"
                    f" {self.n_done} of {count(self.n_all, 'address', 'addresses')}."
                    " Plots, filters and flows can be used meanwhile."
                )
            case Phase.SAVING:
                return "Machines are told apart; the report is being saved."
            case Phase.FAILED:
                return (
                    f"Machines could not be told apart: {self.problem}."
                    " Plots and flows are whole; try `wiretell devices` on the capture."
                )
            case Phase.DONE:
                return self.problem
