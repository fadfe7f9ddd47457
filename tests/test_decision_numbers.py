"""The decisions. Goal: the numbers in spec/decisions that argue for a rule are those of the law.
Method: each argument in numbers is run, and each number is looked for in the text.
"""

from fastpath.engine import Engine
from fastpath.watch import Watch
from marginspec.paths import SPEC
from marginspec.policy_file import read_policy
from refmodel.deleveraging import cap_of_lines, covering_lines
from refmodel.events import Deposit, Order, Prices, Trade
from refmodel.margin import requirement
from refmodel.numbers import ceil_div
from refmodel.policy import BRACKET, SQRT, WHOLE, Schedule, tiers_from
from refmodel.restore import Close, restore_lots

MILLION = 1_000_000


def text_of(number: str) -> str:
    (path,) = (SPEC / "decisions").glob(f"{number}-*.md")
    return " ".join(path.read_text(encoding="utf-8").split())


def grouped(number: int) -> str:
    """A number as the decisions write it: `146 072`."""
    return f"{number:,}".replace(",", " ")


def test_0010_the_admissible_numbers_of_lots_are_no_interval() -> None:
    schedule = Schedule(BRACKET, tiers_from(((0, 25_000),)))
    equities = [3 - ceil_div(3 * closed, 2) for closed in (0, 1, 2)]
    margins = [requirement(schedule, 2 - closed, (2 - closed) * 50) for closed in (0, 1, 2)]
    assert (equities, margins) == ([3, 1, 0], [3, 2, 0])
    lines = covering_lines(schedule, 2, 100)
    assert cap_of_lines(lines, 2, 50, 3, 3, 2) == 2
    assert cap_of_lines(lines, 2, 50, 3 - 1, 3, 2) == 0


def test_0010_nor_are_they_for_whole_without_any_rounding() -> None:
    schedule = Schedule(WHOLE, tiers_from(((0, 25_000), (5_000_000, 50_000))))
    text = text_of("0010")
    for closed, admissible in ((1, True), (2, False), (17, True)):
        equity = 300_500 - 3_500 * closed
        margin = requirement(schedule, 100 - closed, (100 - closed) * 60_000)
        assert (equity >= margin) is admissible
        assert f"{grouped(equity)} against {grouped(margin)}" in text


def test_0013_sqrt_restores_more_than_the_least() -> None:
    schedule = Schedule(SQRT, base=25_000, factor=3_000)
    text = text_of("0013")

    def after(closed: int) -> tuple[int, int]:
        return 150_000 - 100 - 240 * closed, requirement(schedule, 100 - closed, (100 - closed) * 60_000)

    for closed in (12, 13):
        equity, margin = after(closed)
        assert f"{grouped(equity)} against" in text
        assert grouped(margin) in text
    least = next(closed for closed in range(100) if after(closed)[0] >= after(closed)[1])
    close = Close(100, 60_000, MILLION * (150_000 - 100), MILLION * 240)
    assert (least, restore_lots(schedule, close)) == (13, 20)


def test_0014_two_positions_take_sixteen_bytes_of_index_for_an_account_of_116() -> None:
    policy = read_policy("binance-usdm")
    markets = sorted(policy.markets)[:2]
    wallet = sum(5 * 10_000 * policy.markets[market].multiplier for market in markets) // 2
    engine = Engine(policy)
    assert engine.apply(Prices(0, dict.fromkeys(markets, 10_000))).refusal is None
    count = 2_000
    for number in range(count):
        assert engine.apply(Deposit(0, f"a{number}", wallet, "owner", "cross")).refusal is None
    halves = [(f"a{number}", f"a{number + count // 2}") for number in range(count // 2)]
    for market in markets:
        for taker, maker in halves:
            assert engine.apply(Order(0, maker, market, 0, 5)).refusal is None
            assert engine.apply(Trade(0, market, taker, maker, "buy", 5, 10_000)).refusal is None
    watch = Watch(engine)
    assert watch.liquidatable().tolist() == []
    text = text_of("0014")
    assert "take 16 bytes of index, for an account of 116" in text
    assert watch.bytes_used() // count == 16
    rows_given_back = 40  # a block for one row, which each account outgrew and the next account takes
    assert abs(engine.core.bytes_used() / count - 116) < rows_given_back + 1
