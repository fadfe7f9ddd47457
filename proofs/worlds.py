"""Worlds: small arbitrary venues that theorems about transitions start from.

Identifiers are plain, every number is a symbol. What a theorem does not name is arbitrary too: `rest`
stands for everything that an account holds outside the market of the theorem.
"""

from refmodel.policy import (
    BELOW,
    BINANCE,
    BRACKET,
    FULL,
    PROFIT,
    QUEUE,
    REFUSE,
    STAGES,
    TO_BACKSTOP,
    WHOLE,
    Liquidation,
    Market,
    Policy,
    Schedule,
    Tier,
)
from refmodel.state import CROSS, Account, OpenOrders, Pool, Position, Venue

MARKET = "M"
INITIAL = Schedule(WHOLE, (Tier(0, 100_000),))
MAINTENANCE = Schedule(BRACKET, (Tier(0, 50_000),))
LIQUIDATION = Liquidation(FULL, penalty=0, band=100_000)


def market(
    multiplier: int = 1,
    initial: Schedule = INITIAL,
    maintenance: Schedule = MAINTENANCE,
    *,
    price_max: int = 1_000_000,
    size_max: int = 1_000_000,
    band: int = 100_000,
    gap: int = 10_000,
    touch_moves: int = 1,
    funding_cap: int = 10_000,
    liquidation: Liquidation = LIQUIDATION,
) -> Market:
    """A market whose terms are plain values unless the theorem says otherwise.

    The schedules are real ones, for the witnesses; under contracts nobody looks into them.
    """
    return Market(
        multiplier=multiplier,
        price_min=1,
        price_max=price_max,
        size_max=size_max,
        band=band,
        gap=gap,
        touch_moves=touch_moves,
        funding_cap=funding_cap,
        initial=initial,
        maintenance=maintenance,
        liquidation=liquidation,
    )


def policy(
    markets: dict[str, Market],
    *,
    trigger: str = BELOW,
    bad_debt_gate: str = REFUSE,
    transfer_rate: int = 0,
    fee_taker: int = 0,
    fee_maker: int = 0,
    venue_total_max: int = 10**18,
    positions_max: int = 256,
    stages: tuple[str, ...] = STAGES,
    takeover_trigger: int = 0,
    takeover_remainder: str = TO_BACKSTOP,
    draw_period: int = 1,
    draw_limit: int = 10**18,
    backstop_notional_max: int = 10**18,
    adl_ranking: str = BINANCE,
    adl_allocation: str = QUEUE,
    payers: str = PROFIT,
) -> Policy:
    """A policy with these markets, each of which also has an isolated pool."""
    return Policy(
        name="world",
        asset="USD",
        trigger=trigger,
        bad_debt_gate=bad_debt_gate,
        transfer_rate=transfer_rate,
        fee_taker=fee_taker,
        fee_maker=fee_maker,
        venue_total_max=venue_total_max,
        positions_max=positions_max,
        stages=stages,
        takeover_trigger=takeover_trigger,
        takeover_remainder=takeover_remainder,
        draw_period=draw_period,
        draw_limits=dict.fromkeys((CROSS, *markets), draw_limit),
        backstop_notional_max=backstop_notional_max,
        adl_ranking=adl_ranking,
        adl_allocation=adl_allocation,
        payers=payers,
        isolated=tuple(markets),
        markets=markets,
    )


def holder(
    wallet: int,
    size: int = 0,
    cost: int = 0,
    orders: tuple[int, int] | None = None,
    *,
    owner: str = "owner",
    pool: str = CROSS,
) -> Account:
    """An account with a position in MARKET: none if size and cost are the plain 0."""
    held = {} if type(size) is int and size == 0 else {MARKET: Position(size, cost)}
    resting = {} if orders is None else {MARKET: OpenOrders(*orders)}
    return Account(owner, pool, wallet, held, resting)


def venue(
    terms: Policy,
    accounts: dict[str, Account],
    mark: int | None = None,
    *,
    custody: int = 0,
    pools: dict[str, Pool] | None = None,
    clock: int = 0,
) -> Venue:
    """A venue with these accounts, and this mark in MARKET if one is given."""
    marks = {} if mark is None else {MARKET: mark}
    return Venue(terms, clock, marks, accounts, pools or {CROSS: Pool(), MARKET: Pool()}, custody)
