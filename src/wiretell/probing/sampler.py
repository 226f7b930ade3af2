"""When to ask one host for its clock, and when to stop: events in, commands out.

No socket, no clock of its own: every event brings its time, every answer of `handle` is the one
command that holds from then on. Promises kept here: never two requests closer than the rate
allows, never one without the answer to the last (or its patience gone), none after the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wiretell.probing.reading import Reading
from wiretell.probing.remote_clock import Estimate, RemoteClock

PATIENCE_NS = 1_000_000_000
"""An answer that takes longer does not come."""
MOST_SILENT_AT_FIRST, MOST_SILENT = 5, 20
"""Requests in a row without an answer before a host is left alone."""
MOST_REFUSALS = 3
"""Attempts to open in a row that fail."""
REOPEN_NS = 5_000_000_000
"""From one opening to the next, at least."""
RETRY_NS = 1_000_000_000
"""From a refusal or an end to the next attempt: the port is then free again."""
MOST_OPENINGS = 30
LEAST_SPAN_S = 20.0
"""No rate is final before: slower changes of delay would not show."""
LEAST_READINGS = 40
CHECK_EVERY = 10
"""Readings between two looks at the precision reached, at first; later a twentieth of them all."""
RECENT = 0.7
"""The precision must have held since so much of the readings: the error is an estimate, too, and
stopping where it is low for once would choose those that are too low."""
GOLDEN = 0.6180339887498949
"""Multiples of it spread evenly over the tick of a clock whose rate is not known yet."""


class Reason(Enum):
    """Why sampling ended; the value says so in words."""

    PRECISE = "the precision asked for is reached"
    TIME = "the time allowed is over"
    SILENT = "it does not answer"
    REFUSED = "it refuses connections"
    NO_TIMESTAMPS = "it does not use TCP timestamps"
    NO_CLOCK = "its timestamps show no clock"
    NO_UNIT = "its timestamps are not of the standard unit"
    CLOSES = "it closes every connection soon"
    FAILED = "packets cannot be sent to it"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Settings:
    """What is wanted of one host.

    `precision_ppm` is half of the 95 % interval at which sampling ends. Stamps wrap at `modulus`;
    `nominal_hz` is None where the clock's rate is not known. `connects`: before the first request
    something must be opened.
    """

    precision_ppm: float
    for_s: float
    rate_per_s: float
    modulus: int
    nominal_hz: float | None
    connects: bool


@dataclass(frozen=True)
class Opened:
    """A connection is open, with timestamps."""

    at_ns: int


@dataclass(frozen=True)
class Sent:
    """A request left."""

    at_ns: int


@dataclass(frozen=True)
class Answered:
    """The answer to the request that was sent last is here."""

    reading: Reading

    @property
    def at_ns(self) -> int:
        """When it came."""
        return self.reading.received_ns


@dataclass(frozen=True)
class Woken:
    """Nothing happened but that time passed."""

    at_ns: int


@dataclass(frozen=True)
class Closed:
    """The other side ended the connection, or refused it (`why`); `final`: so it will again."""

    at_ns: int
    why: Reason = Reason.REFUSED
    final: bool = False


Event = Opened | Sent | Answered | Woken | Closed


@dataclass(frozen=True)
class Open:
    """Open a connection at `at_ns`."""

    at_ns: int


@dataclass(frozen=True)
class Send:
    """Send a request at `at_ns`."""

    at_ns: int


@dataclass(frozen=True)
class Wait:
    """Nothing before `at_ns` unless something arrives."""

    at_ns: int


@dataclass(frozen=True)
class Stop:
    """Close what is open and send no more."""

    why: Reason


Command = Open | Send | Wait | Stop


class Sampler:
    """Samples one host. `handle` takes what happened and says what to do next."""

    def __init__(self, settings: Settings, start_ns: int) -> None:
        self.settings = settings
        self.clock = RemoteClock(settings.modulus, settings.nominal_hz)
        self.estimate: Estimate | None = None
        self.stopped: Reason | None = None
        self.n_sent = 0
        self.n_unanswered = 0
        self._end_ns = start_ns + round(settings.for_s * 1e9)
        self._spacing_ns = round(1e9 / settings.rate_per_s)
        self._is_open = not settings.connects
        self._opening_ns: int | None = None
        self._awaited_ns: int | None = None
        self._earliest_ns = self._reopen_ns = start_ns
        self._n_silent = 0
        self._n_refused = 0
        self.n_openings = 0
        self._errors_ppm: list[tuple[int, float]] = []
        self._check_at = CHECK_EVERY

    @property
    def n_answered(self) -> int:
        """Requests that were answered."""
        return self.clock.n

    def handle(self, event: Event) -> Command:
        """What to do after `event`; it replaces the command before."""
        match event:
            case Opened():
                self.n_openings += 1
                self._is_open, self._opening_ns, self._n_refused = True, None, 0
                self._earliest_ns = event.at_ns + self._spacing_ns
                self.clock.meet_anew()
            case Sent():
                self.n_sent += 1
                self._awaited_ns = event.at_ns
                self._earliest_ns = event.at_ns + self._spacing_ns
            case Answered():
                self._awaited_ns, self._n_silent, self._n_refused = None, 0, 0
                self.clock.add(event.reading)
                self._look()
            case Closed():
                self._closed(event)
            case Woken():
                self._give_up_waiting(event.at_ns)
        return self._next(event.at_ns)

    def interrupt(self) -> None:
        """Ends sampling; what was measured stays."""
        self._stop(Reason.INTERRUPTED)

    def _next(self, now_ns: int) -> Command:
        if self.stopped is None and now_ns >= self._end_ns:
            self._stop(Reason.TIME)
        if self.stopped is not None:
            return Stop(self.stopped)
        if not self._is_open:
            if self._opening_ns is not None:
                return Wait(self._end_ns)
            if self._reopen_ns >= self._end_ns:
                return Wait(self._end_ns)
            self._opening_ns = max(now_ns, self._reopen_ns)
            self._reopen_ns = self._opening_ns + REOPEN_NS
            return Open(self._opening_ns)
        if self._awaited_ns is not None:
            return Wait(min(self._awaited_ns + PATIENCE_NS, self._end_ns))
        at_ns = self._aim(max(now_ns, self._earliest_ns))
        return Send(at_ns) if at_ns < self._end_ns else Wait(self._end_ns)

    def _aim(self, earliest_ns: int) -> int:
        """The first good moment: at a tick of the remote clock where one is known."""
        at_tick_ns = self.clock.meet_tick_ns(earliest_ns)
        if at_tick_ns is not None:
            return at_tick_ns
        spread_ns = min(self._spacing_ns, 100_000_000)
        return earliest_ns + round(self.n_sent * GOLDEN % 1.0 * spread_ns)

    def _look(self) -> None:
        if self.clock.oddity():
            self._stop(Reason.NO_CLOCK)
        if self.n_answered < self._check_at:
            return
        self._check_at = self.n_answered + max(CHECK_EVERY, self.n_answered // 20)
        self.estimate = self.clock.estimate()
        if self.estimate is None or self.clock.span_s < LEAST_SPAN_S:
            return
        self._errors_ppm.append((self.n_answered, 2.0 * self.estimate.se_ppm))
        lately = [error for n, error in self._errors_ppm if n > RECENT * self.n_answered]
        if max(lately) <= self.settings.precision_ppm and self.n_answered >= LEAST_READINGS:
            self._stop(Reason.PRECISE)

    def _give_up_waiting(self, now_ns: int) -> None:
        if self._awaited_ns is None or now_ns < self._awaited_ns + PATIENCE_NS:
            return
        self._awaited_ns = None
        self.n_unanswered += 1
        self._n_silent += 1
        most = MOST_SILENT if self.n_answered else MOST_SILENT_AT_FIRST
        if self._n_silent >= most:
            self._stop(Reason.SILENT)

    def _closed(self, event: Closed) -> None:
        retry_ns = event.at_ns + RETRY_NS
        was_opening = self._opening_ns is not None
        self._reopen_ns = retry_ns if was_opening else max(self._reopen_ns, retry_ns)
        self._is_open, self._opening_ns = not self.settings.connects, None
        if self._awaited_ns is not None:
            self.n_unanswered += 1
            self._awaited_ns = None
        self._n_refused += 1
        if event.final or self._n_refused >= MOST_REFUSALS:
            self._stop(event.why)
        elif self.n_openings >= MOST_OPENINGS:
            self._stop(Reason.CLOSES)

    def _stop(self, why: Reason) -> None:
        if self.stopped is None:
            self.stopped = why
            self.estimate = self.clock.estimate()
