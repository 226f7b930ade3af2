"""Writers that get flows as they end: what they have in common, and JSON lines and CSV."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol, TextIO

import polars as pl

from wiretell.exporter import Target, text_stream
from wiretell.exporters.flow_columns import FLOW_LINE, lines


class FlowWriter(Protocol):
    """Takes flows (rows of `TRACKED_FLOWS`) in batches."""

    def write(self, flows: pl.DataFrame) -> None:
        """Takes these flows. Raises OSError where they cannot be written."""

    def close(self, provenance: Mapping[str, Any]) -> None:
        """There are no more; where they came from and what was lost."""

    def abandon(self) -> None:
        """Ends early; a file that is not whole does not stay."""


class LineWriter(ABC):
    """Lines of text onto a stream or into a file, which appears when it is whole."""

    def __init__(self, target: Target) -> None:
        self._context: AbstractContextManager[TextIO] = text_stream(target)
        self._stream = self._context.__enter__()
        self._is_open = True

    def write(self, flows: pl.DataFrame) -> None:
        """Writes the lines of these flows."""
        for text in self.lines(flows):
            self._stream.write(text)

    def close(self, provenance: Mapping[str, Any]) -> None:
        """Ends the text."""
        for text in self.ending(provenance):
            self._stream.write(text)
        self._is_open = False
        self._context.__exit__(None, None, None)

    def abandon(self) -> None:
        """Leaves no file behind."""
        if self._is_open:
            self._is_open = False
            error = InterruptedError()
            with suppress(InterruptedError):
                self._context.__exit__(type(error), error, None)

    @abstractmethod
    def lines(self, flows: pl.DataFrame) -> Iterator[str]:
        """Text of a batch, line ends included."""

    def ending(self, provenance: Mapping[str, Any]) -> Iterator[str]:
        """What comes last: nothing, unless a format says otherwise."""
        return iter(())


class JsonLines(LineWriter):
    """One JSON object per flow (docs/schema/flows.v1.json); what is unknown is null."""

    def lines(self, flows: pl.DataFrame) -> Iterator[str]:
        """One line per flow."""
        objects = flows.select(pl.struct(FLOW_LINE.schema.names()).struct.json_encode())
        yield from lines(objects.to_series())


class FlowCsv(LineWriter):
    """Comma-separated values with a header line (RFC 4180, line ends LF)."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._stream.write(FLOW_LINE.empty().write_csv())

    def lines(self, flows: pl.DataFrame) -> Iterator[str]:
        """One line per flow."""
        yield flows.select(FLOW_LINE.schema.names()).write_csv(include_header=False)
