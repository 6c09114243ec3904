"""Customers of cdnow and onlineretail, their orders divided among three streams, and a fourth that falls silent."""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from tests.recorded.engine import EXAMPLES

#: Customers of each set.
CUSTOMERS = 60
#: The streams: every customer's orders come by three in turn; the last brings a few and then nothing more.
STREAMS = ("north", "south", "east", "kiosk")
KIOSK_ROWS = 5

_CDNOW = """\
source: {{file: {stream}.ndjson, horizon: 1998-06-30}}
id: id
time: {{field: date, format: "%Y%m%d", zone: UTC}}
customer: customer
name: {{is: order_placed}}
events: {{order_placed: {{properties: {{cds: integer, dollars: {{type: money, unit: USD}}}}}}}}
"""
_ONLINERETAIL = """\
source: {{file: {stream}.ndjson, horizon: 2011-12-09}}
id: id
time: {{field: at, zone: Europe/London}}
customer: customer
name: {{is: order_placed}}
events: {{order_placed: {{properties: {{amount: {{type: money, unit: GBP}}, country: text}}}}}}
"""
_Row = dict[str, str]


def cdnow(root: Path) -> Iterator[_Row]:
    """Yield the orders of the first customers, as the file has them."""
    lines = (root / "cdnow" / "CDNOW_master.txt").read_text(encoding="ascii").splitlines()[1:]
    for number, line in enumerate(lines):
        customer, date, cds, dollars = line.split()
        if int(customer) > CUSTOMERS:
            return
        yield {"id": str(number), "customer": customer, "date": date, "cds": cds, "dollars": dollars}


def onlineretail(root: Path) -> Iterator[_Row]:
    """Yield the invoices of the first customers: what was sold and not cancelled, its lines as one order."""
    with gzip.open(root / "onlineretail" / "onlineretail.csv.gz", "rt", encoding="utf-8", newline="") as file:
        first: dict[str, None] = {}
        invoices: dict[str, _Row] = {}
        for line in csv.DictReader(file):
            invoice, customer = line["InvoiceNo"], line["CustomerID"]
            amount = Decimal(line["Quantity"]) * Decimal(line["UnitPrice"])
            is_sold = Decimal(line["Quantity"]) > 0 and Decimal(line["UnitPrice"]) > 0
            if not customer or invoice.startswith("C") or not is_sold:
                continue
            if len(first) < CUSTOMERS:
                first.setdefault(customer)
            if customer not in first:
                continue
            row = invoices.setdefault(
                invoice,
                {
                    "id": invoice,
                    "customer": customer,
                    "at": line["InvoiceDate"],
                    "country": line["Country"],
                    "amount": "0",
                },
            )
            row["amount"] = str(Decimal(row["amount"]) + amount)
    yield from invoices.values()


#: Set -> its rows, and the form of its streams.
SETS: dict[str, tuple[Callable[[Path], Iterator[_Row]], str]] = {
    "cdnow": (cdnow, _CDNOW),
    "onlineretail": (onlineretail, _ONLINERETAIL),
}


def write_four(name: str, root: Path, folder: Path) -> Path:
    """Write the example's rules and templates over four streams instead of its one; return the folder."""
    rows_of, form = SETS[name]
    for part in ("config", "rules", "templates"):
        shutil.copytree(EXAMPLES / name / part, folder / part)
    (folder / "config/measures.yaml").unlink(missing_ok=True)
    (folder / "streams").mkdir()
    rows = list(rows_of(root))
    found: dict[str, list[_Row]] = {stream: [] for stream in STREAMS}
    found["kiosk"] = rows[:KIOSK_ROWS]
    for stream, row in zip(itertools.cycle(STREAMS[:3]), rows[KIOSK_ROWS:], strict=False):
        found[stream].append(row)
    for stream, mine in found.items():
        (folder / f"streams/{stream}.yaml").write_text(form.format(stream=stream), encoding="utf-8")
        text = "".join(json.dumps(row) + "\n" for row in mine)
        (folder / f"{stream}.ndjson").write_text(text, encoding="utf-8")
    return folder
