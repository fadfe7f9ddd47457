"""The policy (chapter 13): what a venue has chosen, as plain values.

The nouns only. Which values are valid together is said in validity.py; no rule needs to check a
policy again, because none is used before it has passed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from refmodel.numbers import Lots, Millis, Ppm, Quanta, Ticks

BRACKET = "bracket"
WHOLE = "whole"
SQRT = "sqrt"
SCHEDULE_KINDS = (BRACKET, WHOLE, SQRT)

BELOW = "below"
AT_OR_BELOW = "at_or_below"
TRIGGERS = (BELOW, AT_OR_BELOW)

REFUSE = "refuse"
UP_TO_CUSTODY = "up_to_custody"
BAD_DEBT_GATES = (REFUSE, UP_TO_CUSTODY)

FULL = "full"
FRACTION = "fraction"
TIER_STEP = "tier_step"
RESTORE = "restore"
SIZE_RULES = (FULL, FRACTION, TIER_STEP, RESTORE)

TO_ACCOUNT = "account"
TO_BACKSTOP = "backstop"
REMAINDERS = (TO_ACCOUNT, TO_BACKSTOP)

BACKSTOP_STAGE = "backstop"
HOLDERS_STAGE = "holders"
ADL_STAGE = "adl"
FUND_RESIDUE_STAGE = "fund_residue"
PAYERS_STAGE = "payers"
STAGES = (BACKSTOP_STAGE, HOLDERS_STAGE, ADL_STAGE, FUND_RESIDUE_STAGE, PAYERS_STAGE)

BINANCE = "binance"
BYBIT = "bybit"
HYPERLIQUID = "hyperliquid"
RANKINGS = (BINANCE, BYBIT, HYPERLIQUID)

QUEUE = "queue"
PRO_RATA = "pro_rata"
CAPPED_PRO_RATA = "capped_pro_rata"
ALLOCATIONS = (QUEUE, PRO_RATA, CAPPED_PRO_RATA)

PROFIT = "profit"
EQUITY = "equity"
PAYERS = (PROFIT, EQUITY)


@dataclass(frozen=True, slots=True)
class Tier:
    """From this notional on, the rate of a schedule is higher by this much.

    floor  quanta of notional, >= 0, ascending from 0 through a schedule
    rise   ppm, >= 0: the rate of this tier less the rate of the tier below it
    """

    floor: Quanta
    rise: Ppm


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a requirement grows with a position.

    kind    one of SCHEDULE_KINDS
    tiers   for `bracket` and `whole`; empty for `sqrt`
    base    for `sqrt`: the least rate, ppm
    factor  for `sqrt`: ppm per square root of lots
    """

    kind: str
    tiers: tuple[Tier, ...] = ()
    base: Ppm = 0
    factor: Ppm = 0


@dataclass(frozen=True, slots=True)
class Liquidation:
    """How a market's positions are closed out while their account still has equity (chapter 8).

    size         one of SIZE_RULES: how many lots one fill may close
    penalty      ppm: the share of the notional closed that the insurance fund receives
    band         ppm: how far a fill may be from the mark
    fraction     for `fraction`: ppm of the position that one fill may close
    whole_below  for `fraction`: quanta of notional up to which the whole position may go
    buffer       for `restore`: quanta of equity above the maintenance margin that it aims at
    """

    size: str
    penalty: Ppm
    band: Ppm
    fraction: Ppm = 0
    whole_below: Quanta = 0
    buffer: Quanta = 0


@dataclass(frozen=True, slots=True)
class Market:
    """A linear perpetual future, and what its margin protects against.

    multiplier   quanta per lot and tick, >= 1
    price_min    ticks: the least mark at which funding of one basis point is a whole quantum per lot
    price_max    ticks: no mark and no trade above it
    size_max     lots: the largest position, counted with the open orders of its side
    band         ppm: how far a trade may be from the mark
    gap          ppm: how far the mark may move at once (C1a)
    touch_moves  how many such moves may pass before an account is looked at, >= 1 (C2)
    funding_cap  ppm: the largest funding rate of one event, either sign
    """

    multiplier: int
    price_min: Ticks
    price_max: Ticks
    size_max: Lots
    band: Ppm
    gap: Ppm
    touch_moves: int
    funding_cap: Ppm
    initial: Schedule
    maintenance: Schedule
    liquidation: Liquidation


@dataclass(frozen=True, slots=True)
class Policy:
    """All choices of a venue.

    asset                  the one settlement asset
    trigger                whether an account is liquidatable below its maintenance margin, or also at it
    bad_debt_gate          what withdrawals may do while bad debt stands
    transfer_rate          ppm of notional that must stay behind a withdrawal or transfer
    fee_taker              ppm of a trade's notional, >= 0
    fee_maker              ppm, negative for a rebate
    venue_total_max        quanta: no deposit lifts custody above it
    positions_max          markets in which one account may hold positions or orders
    stages                 which of STAGES a bankruptcy goes through, in their order
    takeover_trigger       ppm of maintenance margin below which a backstop may take over; 0: never
    takeover_remainder     who keeps the equity of an account that is taken over
    draw_period            milliseconds over which draws on a fund are counted
    draw_limits            by pool: quanta that its fund may pay in one period
    backstop_notional_max  quanta: the largest notional that a backstop takes on
    adl_ranking            one of RANKINGS: who is deleveraged first
    adl_allocation         one of ALLOCATIONS: how the lots are shared out
    payers                 one of PAYERS: what weighs in socialised loss
    isolated               markets that offer isolated margin, each a pool of its own
    markets                by identifier
    """

    name: str
    asset: str
    trigger: str
    bad_debt_gate: str
    transfer_rate: Ppm
    fee_taker: Ppm
    fee_maker: Ppm
    venue_total_max: Quanta
    positions_max: int
    stages: tuple[str, ...]
    takeover_trigger: Ppm
    takeover_remainder: str
    draw_period: Millis
    draw_limits: Mapping[str, Quanta]
    backstop_notional_max: Quanta
    adl_ranking: str
    adl_allocation: str
    payers: str
    isolated: tuple[str, ...]
    markets: Mapping[str, Market]


def pools_of(policy: Policy) -> tuple[str, ...]:
    """The pools of a venue: the cross pool, then one for each market with isolated margin."""
    return ("cross", *policy.isolated)


def tiers_from(brackets: tuple[tuple[Quanta, Ppm], ...]) -> tuple[Tier, ...]:
    """Tiers from published brackets.

    brackets  (floor in quanta, rate in ppm) of each bracket, lowest first
    returns   the same schedule as floors and rises; a rate that falls gives a negative rise,
              which POL-3 refuses
    """
    tiers = []
    rate_below = 0
    for floor, rate in brackets:
        tiers.append(Tier(floor, rate - rate_below))
        rate_below = rate
    return tuple(tiers)
