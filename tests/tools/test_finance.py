"""Rates and prices over real HTTP, in the forms of the European Central Bank and of Stooq, to the last digit."""

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.tools.loopback import Asked, Loopback, call, loopback
from weft.engine.context import Context
from weft.errors import ToolFailed, ToolRetry
from weft.tools.builtin.finance import Finance
from weft.tools.builtin.money import EuropeanCentralBank, Fixing

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject><gesmes:Sender><gesmes:name>European Central Bank</gesmes:name>
</gesmes:Sender><Cube>{days}</Cube></gesmes:Envelope>"""
DAY = '<Cube time="{day}"><Cube currency="USD" rate="{usd}"/><Cube currency="JPY" rate="163.06"/></Cube>'
TODAY = date.today()
OLD = [("2024-03-01", "1.0813"), ("2024-02-29", "1.0826"), ("1999-01-04", "1.1789")]


def feed(*days: tuple[str, str]) -> str:
    return HEAD.format(days="".join(DAY.format(day=day, usd=usd) for day, usd in days))


LATE = [((TODAY - timedelta(days=n)).isoformat(), f"1.{n:02}") for n in range(1, 60) if n % 7 < 5]
LAST = "Symbol,Date,Time,Open,High,Low,Close,Volume,Name\r\n"
DAYS = "Date,Open,High,Low,Close,Volume\r\n"


def last(asked: Asked) -> str:
    match asked.query["s"]:
        case "aapl.us":
            return LAST + "AAPL.US,2024-03-01,22:00:16,179.55,180.53,177.38,179.66,73563082,APPLE\r\n"
        case "limit":
            return "Exceeded the daily hits limit"
        case "cut":
            return LAST + "CUT,2024-03-01,22:00:16,179.55"
        case _:
            return LAST + "X,N/D,N/D,N/D,N/D,N/D,N/D,N/D,X\r\n"


def days(asked: Asked) -> str:
    if asked.query["s"] != "^spx":
        return "No data"
    assert (asked.query["d1"], asked.query["d2"], asked.query["i"]) == ("20240301", "20240304", "d")
    return f"{DAYS}2024-03-04,5130.99,5149.67,5127.18,5130.95\r\n2024-03-01,5098.51,5140.33,5094.16,5137.08,2\r\n"


@pytest.fixture
async def here() -> AsyncIterator[Loopback]:
    answers = {
        "GET /ecb/eurofxref-daily.xml": feed(("2024-03-01", "1.0813")),
        "GET /ecb/eurofxref-hist-90d.xml": feed(*LATE),
        "GET /ecb/eurofxref-hist.xml": feed(*OLD),
        "GET /q/l/": last,
        "GET /q/d/l/": days,
    }
    async with loopback(answers) as running:
        yield running


async def told(here: Loopback, ctx: Context[Any], name: str, **arguments: Any) -> Any:
    finance = Finance(rates=f"{here.url}/ecb", prices=here.url)
    return json.loads((await call(finance, name, ctx, **arguments)).content)


@pytest.mark.parametrize(
    ("source", "target", "amount", "got", "rate"),
    [
        ("EUR", "USD", "100", "108.13 USD", "1.0813"),
        ("usd", "eur", "1,081.30", "1000.00 EUR", "0.92481273"),
        ("USD", "JPY", "0.10", "15 JPY", "150.79996"),
        ("USD", "USD", "-2.675", "-2.68 USD", "1"),
        ("EUR", "USD", "999999999999999", "1081299999999998.92 USD", "1.0813"),
    ],
)
async def test_rates(
    source: str, target: str, amount: str, got: str, rate: str, here: Loopback, ctx: Context[Any]
) -> None:
    found = await told(here, ctx, "exchange_rate", source=source, target=target, amount=amount)
    assert (found["is"], found["rate"]) == (got, rate)
    assert (found["day"], found["by"]) == ("2024-03-01", "European Central Bank")


async def test_rates_of_other_days(here: Loopback, ctx: Context[Any]) -> None:
    finance = Finance(rates=f"{here.url}/ecb")

    async def on(day: str) -> Any:
        return json.loads((await call(finance, "exchange_rate", ctx, source="EUR", target="USD", day=day)).content)

    assert [(found["rate"], found["day"]) for found in [await on("2024-02-29"), await on("2024-03-03")]] == [
        ("1.0826", "2024-02-29"),
        ("1.0813", "2024-03-01"),  # a Sunday has the rates of the Friday
    ]
    weekend = next(n for n in range(8, 60) if n % 7 == 6)
    assert (await on((TODAY - timedelta(days=weekend)).isoformat()))["day"] == (
        TODAY - timedelta(days=weekend + 1)
    ).isoformat()
    assert (await on("2999-01-01"))["day"] == "2024-03-01"
    with pytest.raises(ToolRetry, match="no rates before 1999-01-04"):
        await on("1998-12-31")
    with pytest.raises(ToolRetry, match="is no day: write it as"):
        await on("yesterday")
    assert len(here.asked) == 3  # each file once


async def test_rates_that_cannot_be(here: Loopback, ctx: Context[Any]) -> None:
    with pytest.raises(ToolRetry, match=r"no rate of 'XAU' on 2024-03-01; there are EUR, JPY, USD"):
        await told(here, ctx, "exchange_rate", source="EUR", target="XAU")
    for amount in ("much", "NaN", "Infinity", "1e99", "1,5"):
        with pytest.raises(ToolRetry, match="is no amount"):
            await told(here, ctx, "exchange_rate", source="EUR", target="USD", amount=amount)
    for said, words in (
        (feed(("2024-03-01", "0")), "'0' is no rate"),
        (feed(("2024-03-01", "NaN")), "is no rate"),
        (feed(("2024-03-01", "cheap")), "cannot be read"),
        (feed(("someday", "1.1")), "cannot be read"),
        (HEAD.format(days=""), "there are none"),
        (f"<!DOCTYPE x>{HEAD}", "DOCTYPE"),
        ("<html>", "cannot be read"),
    ):
        here.answers["GET /ecb/eurofxref-daily.xml"] = said
        with pytest.raises(ToolFailed, match=words):
            await told(here, ctx, "exchange_rate", source="EUR", target="USD")


async def test_prices(here: Loopback, ctx: Context[Any]) -> None:
    assert await told(here, ctx, "stock_quote", symbol="AAPL.US") == {
        "symbol": "AAPL.US", "name": "APPLE", "day": "2024-03-01", "time": "22:00:16", "open": "179.55",
        "high": "180.53", "low": "177.38", "close": "179.66", "volume": "73563082", "by": "Stooq",
    }  # fmt: skip
    found = await told(here, ctx, "price_history", symbol="^spx", begin="2024-03-01", end="2024-03-04")
    assert [(day["day"], day["close"], day.get("volume")) for day in found["days"]] == [
        ("2024-03-01", "5137.08", "2"),
        ("2024-03-04", "5130.95", None),
    ]
    assert found["change"] == "-0.12 %"
    for symbol, error, words in (
        ("nosuch", ToolRetry, "knows no 'nosuch'"),
        ("limit", ToolFailed, "Stooq answered: Exceeded the daily hits limit"),
        ("cut", ToolFailed, "cannot be read"),
    ):
        with pytest.raises(error, match=words):
            await told(here, ctx, "stock_quote", symbol=symbol)
    with pytest.raises(ToolRetry, match="has no prices of 'x' then"):
        await told(here, ctx, "price_history", symbol="x", begin="2024-03-01", end="2024-03-04")
    with pytest.raises(ToolRetry, match="2024-03-01 is before 2024-03-04"):
        await told(here, ctx, "price_history", symbol="x", begin="2024-03-04", end="2024-03-01")


async def test_a_source_of_ones_own(ctx: Context[Any]) -> None:
    class Fixed:
        name = "my bank"

        async def on(self, day: date | None, ctx: Context[Any]) -> Fixing:
            return Fixing(date(2024, 1, 1), "CHF", {"CHF": Decimal(1), "EUR": Decimal("1.04")})

    found = await call(Finance(rates=Fixed()), "exchange_rate", ctx, source="CHF", target="EUR", amount="3")
    assert json.loads(found.content)["is"] == "3.12 EUR"
    assert repr(Finance(rates=EuropeanCentralBank())) == "Finance(European Central Bank, Stooq)"
