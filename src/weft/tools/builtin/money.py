"""Where prices and exchange rates come from: the European Central Bank, Stooq, or sources of yours. No floats."""

import csv
import time
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from msgspec import Struct

from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.tools.builtin.api import Api

_CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
FRESH = 3600.0
"""Seconds that rates are kept; new ones come once a day."""


class Fixing(Struct, frozen=True):
    """What one unit of a base currency was worth on a day."""

    day: date
    base: str
    rates: Mapping[str, Decimal]


class Rates(Protocol):
    """A source of exchange rates."""

    @property
    def name(self) -> str: ...

    async def on(self, day: date | None, ctx: Context[Any]) -> Fixing:
        """Those of a day, or of the last one before it that has any; ``None`` is today.

        Raises: ToolRetry (it has none of then), ToolFailed.
        """
        ...


class Bar(Struct, frozen=True, omit_defaults=True):
    """A day of trading. Prices are in the currency of the place where it is traded."""

    day: str
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None
    name: str = ""
    time: str = ""


class Prices(Protocol):
    """A source of prices of shares, indices and other things that are traded."""

    @property
    def name(self) -> str: ...

    async def last(self, symbol: str, ctx: Context[Any]) -> Bar:
        """Raises: ToolRetry (it knows no such symbol), ToolFailed."""
        ...

    async def history(self, symbol: str, begin: date, end: date, ctx: Context[Any]) -> list[Bar]:
        """The days from ``begin`` to ``end``, both included, the oldest first. Raises: as ``last``."""
        ...


class EuropeanCentralBank:
    """Its reference rates of the euro: every working day at about 16:00 CET, since 1999."""

    name = "European Central Bank"

    def __init__(self, base_url: str = "https://www.ecb.europa.eu/stats/eurofxref", *, seconds: float = 30.0) -> None:
        self._api = Api("the European Central Bank", base_url, seconds=seconds, most=30_000_000)
        self._kept: dict[str, tuple[float, list[Fixing]]] = {}

    async def on(self, day: date | None, ctx: Context[Any]) -> Fixing:
        today = date.today()
        if day is None or day >= today:
            return (await self._read("eurofxref-daily.xml", ctx))[-1]
        file = "eurofxref-hist-90d.xml" if day > today - timedelta(days=80) else "eurofxref-hist.xml"
        fixings = await self._read(file, ctx)
        at = bisect_right(fixings, day, key=lambda fixing: fixing.day)
        if at == 0:
            raise ToolRetry(f"{self.name} has no rates before {fixings[0].day}")
        return fixings[at - 1]

    async def _read(self, file: str, ctx: Context[Any]) -> list[Fixing]:
        """All of a file, the oldest first."""
        at, fixings = self._kept.get(file, (0.0, []))
        if not fixings or time.monotonic() - at > FRESH:
            root = self._api.xml(await self._api.read(f"/{file}", ctx=ctx, accept="application/xml"))
            try:
                fixings = sorted(map(_fixing, root.iterfind(f".//{_CUBE}[@time]")), key=lambda fixing: fixing.day)
            except (ValueError, KeyError, InvalidOperation) as error:
                raise ToolFailed(f"the rates of {self.name} cannot be read: {error!r}") from None
            if not fixings:
                raise ToolFailed(f"the rates of {self.name} cannot be read: there are none in {file}")
            self._kept[file] = (time.monotonic(), fixings)
        return fixings


def _fixing(cube: Any) -> Fixing:
    rates = {each.attrib["currency"]: _positive(each.attrib["rate"]) for each in cube.iterfind(_CUBE)}
    return Fixing(date.fromisoformat(cube.attrib["time"]), "EUR", {"EUR": Decimal(1), **rates})


def _positive(text: str) -> Decimal:
    if not (value := Decimal(text)).is_finite() or value <= 0:
        raise ValueError(f"{text!r} is no rate")
    return value


class Stooq:
    """Prices as CSV, in the form of stooq.com: ``aapl.us``, ``^spx``, ``eurusd``."""

    name = "Stooq"

    def __init__(self, base_url: str = "https://stooq.com", *, seconds: float = 20.0) -> None:
        self._api = Api("Stooq", base_url, seconds=seconds)

    async def last(self, symbol: str, ctx: Context[Any]) -> Bar:
        rows = await self._rows("/q/l/", {"s": symbol.lower(), "f": "sd2t2ohlcvn", "h": "", "e": "csv"}, ctx)
        if not rows or rows[0].get("Close") == "N/D":
            raise ToolRetry(f"{self.name} knows no {symbol!r}; symbols have a market, as aapl.us, sap.de or ^spx")
        return self._bar(rows[0])

    async def history(self, symbol: str, begin: date, end: date, ctx: Context[Any]) -> list[Bar]:
        asked = {"s": symbol.lower(), "i": "d", "d1": f"{begin:%Y%m%d}", "d2": f"{end:%Y%m%d}"}
        return sorted(map(self._bar, await self._rows("/q/d/l/", asked, ctx)), key=lambda bar: bar.day)

    async def _rows(self, path: str, asked: dict[str, str], ctx: Context[Any]) -> list[dict[str, str]]:
        text = (await self._api.read(path, asked, ctx=ctx, accept="text/csv")).text.lstrip("\ufeff").strip()
        if text.lower() in ("", "no data"):
            raise ToolRetry(f"{self.name} has no prices of {asked['s']!r} then")
        if "Close" not in text.partition("\n")[0]:
            raise ToolFailed(f"{self.name} answered: {' '.join(text.split())[:200]}")
        return list(csv.DictReader(text.splitlines()))

    def _bar(self, row: dict[str, str]) -> Bar:
        try:
            volume = row.get("Volume") or ""
            prices = [_positive(row[name]) for name in ("Open", "High", "Low", "Close")]
            return Bar(
                date.fromisoformat(row["Date"]).isoformat(),
                *prices,
                volume=Decimal(volume) if volume not in ("", "N/D") else None,
                name=(row.get("Name") or "").strip(),
                time=row.get("Time") or "",
            )
        except (LookupError, TypeError, ValueError, InvalidOperation) as error:
            raise ToolFailed(f"the prices of {self.name} cannot be read: {error!r}") from None
