"""Lines of an input that has not ended to raw rows: NDJSON, fixed width, CSV with quoted line ends."""

from __future__ import annotations

from relight.streams.decode import RECORD_BYTES_MAX
from relight.streams.plan import SourcePlan
from relight.transports.formats import cut_fixed, read_csv_row, strip_end
from relight.transports.records import Body


class RowCutter:
    """Turns lines into rows; keeps the header of CSV and the lines of a row that is not whole yet."""

    def __init__(self, source: SourcePlan, columns: tuple[str, ...] = ()) -> None:
        """Start before the first line, or after the header where `columns` are known from it."""
        self._source = source
        #: The columns, once known.
        self.columns = columns or source.columns
        self._header_due = source.header and not columns and source.format != "ndjson"
        self._open = b""

    @property
    def is_inside_row(self) -> bool:
        """Whether a quoted cell is still open."""
        return bool(self._open)

    def cut(self, line: bytes) -> Body | None:
        """Return the row that ends with this line; None for a header, a blank line, or a row that goes on."""
        if self._source.format == "csv":
            whole = self._open + line
            if whole.count(b'"') % 2 and len(whole) <= RECORD_BYTES_MAX:
                self._open = whole
                return None
            self._open = b""
            return self._cut_csv(whole)
        body = strip_end(line)
        if not body or body.isspace():
            return None
        if self._header_due:
            self._header_due = False
            return None
        return body if self._source.format == "ndjson" else cut_fixed(body, self._source.widths)

    def _cut_csv(self, text: bytes) -> Body | None:
        if not text.strip():
            return None
        if self._header_due:
            self._header_due = False
            if not self.columns:
                self.columns = tuple(cell.strip() for cell in strip_end(text).decode().split(self._source.delimiter))
            return None
        return read_csv_row(text, self.columns, self._source.delimiter)
