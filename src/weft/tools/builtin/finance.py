"""``Finance``: exchange rates, and prices of what is traded, exactly, with their day and where they come from."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, localcontext
from decimal import Context as Precision
from typing import Any

from weft.engine.context import Context
from weft.errors import ToolRetry
from weft.messages import Json
from weft.tools.base import Tool
from weft.tools.builtin.api import reads
from weft.tools.builtin.money import Bar, EuropeanCentralBank, Fixing, Prices, Rates, Stooq

_WHOLE = frozenset({"JPY", "KRW", "ISK", "CLP", "VND"})
"""Currencies without cents."""
_SHOWN = Precision(prec=8, rounding=ROUND_HALF_EVEN)
MOST_DAYS = 1000
"""Of a history; of a longer one the last are told."""


class Finance:
    """``exchange_rate``, ``stock_quote`` and ``price_history``.

    ``rates`` and ``prices`` are where they come from: an address of the usual source's data, or a source of yours.
    What they give is as good as they are, and may be late: it is no advice.
    """

    def __init__(
        self, *, rates: Rates | str | None = None, prices: Prices | str | None = None, seconds: float = 30.0
    ) -> None:
        if isinstance(rates, str) or rates is None:
            rates = EuropeanCentralBank(**({"base_url": rates} if rates else {}), seconds=seconds)
        if isinstance(prices, str) or prices is None:
            prices = Stooq(**({"base_url": prices} if prices else {}), seconds=seconds)
        self._rates: Rates = rates
        self._prices: Prices = prices
        self._timeout = seconds + 30
        self._made: list[Tool] | None = None

    def __repr__(self) -> str:
        return f"Finance({self._rates.name}, {self._prices.name})"

    async def tools(self, ctx: Context[Any]) -> Sequence[Tool]:
        if self._made is None:
            self._made = reads(self._timeout, self.exchange_rate, self.stock_quote, self.price_history)
        return self._made

    async def exchange_rate(
        self, source: str, target: str, ctx: Context[Any], amount: str = "1", day: str = ""
    ) -> Json:
        """What an amount of money is in another currency, by the reference rates of a day.

        Args:
            source: Code of the currency that the amount is in, such as "USD".
            target: Code of the currency that is wanted, such as "JPY".
            amount: How much, as "1200.50".
            day: As "2024-02-29"; nothing for the latest rates. Days without rates have those of the day before.
        """
        wanted = _amount(amount)
        fixing = await self._rates.on(_day(day) if day else None, ctx)
        of, to = _rate(fixing, source), _rate(fixing, target)
        with localcontext(Precision(prec=40, rounding=ROUND_HALF_EVEN)):
            cents = Decimal(1) if target.upper() in _WHOLE else Decimal("0.01")
            got = (wanted * to / of).quantize(cents)
            rate = _SHOWN.plus(to / of)
        told = {"amount": f"{wanted:f} {source.upper()}", "is": f"{got:f} {target.upper()}", "rate": f"{rate:f}"}
        return told | {"day": fixing.day.isoformat(), "by": self._rates.name}

    async def stock_quote(self, symbol: str, ctx: Context[Any]) -> Json:
        """The last price of a share, index or other thing that is traded; it may be some minutes old.

        Args:
            symbol: With its market, such as "aapl.us", "sap.de" or "^spx".
        """
        bar = await self._prices.last(symbol.strip(), ctx)
        return {"symbol": symbol, **_told(bar), "by": self._prices.name}

    async def price_history(self, symbol: str, begin: str, end: str, ctx: Context[Any]) -> Json:
        """The prices of a share, index or other thing that is traded, day by day.

        Args:
            symbol: With its market, such as "aapl.us", "sap.de" or "^spx".
            begin: The first day, as "2024-01-31".
            end: The last day.
        """
        first, last = _day(begin), _day(end)
        if last < first:
            raise ToolRetry(f"{end} is before {begin}")
        bars = await self._prices.history(symbol.strip(), first, last, ctx)
        if not bars:
            raise ToolRetry(f"{self._prices.name} has no prices of {symbol!r} from {begin} to {end}")
        told: Json = {"symbol": symbol, "days": [_told(bar) for bar in bars[-MOST_DAYS:]], "by": self._prices.name}
        change = (bars[-1].close / bars[0].close - 1) * 100
        told["change"] = f"{change.quantize(Decimal('0.01')):f} %"
        return told | ({"more": f"only the last {MOST_DAYS} of {len(bars)} days"} if len(bars) > MOST_DAYS else {})


def _told(bar: Bar) -> Json:
    told: Json = {"name": bar.name} if bar.name else {}
    told |= {"day": bar.day, **({"time": bar.time} if bar.time else {})}
    prices = {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close}
    told |= {name: f"{value:f}" for name, value in prices.items()}
    return told | ({} if bar.volume is None else {"volume": f"{bar.volume:f}"})


def _rate(fixing: Fixing, currency: str) -> Decimal:
    code = currency.strip().upper()
    if code not in fixing.rates:
        raise ToolRetry(
            f"there is no rate of {currency!r} on {fixing.day}; there are {', '.join(sorted(fixing.rates))}"
        )
    return fixing.rates[code]


def _amount(text: str) -> Decimal:
    """Raises: ToolRetry.

    >>> _amount("1,200.50")
    Decimal('1200.50')
    """
    try:
        value = Decimal(text.strip().replace(",", "") if "." in text else text.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > Decimal("1e15"):
        raise ToolRetry(f"{text!r} is no amount: write it as 1200.50")
    return value


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ToolRetry(f"{text!r} is no day: write it as 2024-02-29") from None
