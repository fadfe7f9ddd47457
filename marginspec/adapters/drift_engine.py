"""Drift's Python SDK (driftpy) as an engine that answers queries: run by the Python of an environment that
has it.

    python -m marginspec.adapters.drift_engine

It asks `DriftUser`, the class that Drift's own keepers read accounts with. An account becomes a Drift user
with one deposit of USDC and one perpetual position per market. A quantum is 0.000001 USDC and a tick
0.000001 USDC of oracle price, their finest units; a lot is `multiplier` whole units of base asset, so that
nothing is rounded on the way in. Open orders become bids and asks, one order for each side that has any.
"""

from types import SimpleNamespace
from typing import Any

from driftpy.constants.numeric_constants import (  # type: ignore[import-not-found]
    BASE_PRECISION,
    PRICE_PRECISION,
    SPOT_CUMULATIVE_INTEREST_PRECISION,
    SPOT_WEIGHT_PRECISION,
)
from driftpy.drift_user import DriftUser  # type: ignore[import-not-found]
from driftpy.math.margin import MarginCategory  # type: ignore[import-not-found]
from driftpy.types import (  # type: ignore[import-not-found]
    ContractType,
    MarginMode,
    MarketStatus,
    OraclePriceData,
    PerpPosition,
    SpotBalanceType,
    SpotPosition,
)

from marginspec.adapters.wire import Document, serve

VERSION = "driftpy 0.8.89"
RULES = ("ACC-2", "MAR-7", "MAR-8", "MAR-11", "MAR-14")
RATIO = 100
"""ppm in one step of their margin ratio, 0.0001."""
USDC_DECIMALS = 6
BALANCE_PRECISION = 10**9
"""Of a deposit, while its interest is 1."""


class Untranslatable(Exception):
    """What a policy says and Drift cannot: the text is the reason."""


class DriftEngine:
    """Margins, equity, status and liquidation prices of a venue's accounts, as driftpy sees them."""

    def __init__(self) -> None:
        self._users: dict[str, DriftUser] = {}
        self._markets: list[str] = []

    def hello(self) -> Document:
        """Who answers, and within which numbers its floats are exact."""
        return {
            "engine": "drift",
            "version": VERSION,
            "protocol": "1",
            "rules": RULES,
            "requests": ["query"],
            "domain": str(2**53 - 1),
        }

    def load(self, policy: Document, venue: Document) -> Document:
        """Every account as a Drift user. Unsupported: what `perp_market` and `base_amount` refuse."""
        self._users = {}
        self._markets = sorted(policy["markets"])
        try:
            if policy["trigger"] != "below":
                raise Untranslatable("a Drift user is liquidatable below its maintenance margin, never at it")
            markets = [
                perp_market(index, policy["markets"][name]) for index, name in enumerate(self._markets)
            ]
        except Untranslatable as reason:
            return {"outcome": "unsupported", "reason": str(reason)}
        client = Client(markets, [int(venue["marks"].get(name, 0)) for name in self._markets])
        multipliers = {name: int(policy["markets"][name]["multiplier"]) for name in self._markets}
        for name, account in venue["accounts"].items():
            self._users[name] = drift_user(client, account, self._markets, multipliers)
        return {"outcome": "accepted"}

    def query(self, question: Document) -> Document:
        """What the SDK says of one account."""
        user = self._users.get(question.get("account", ""))
        if user is None:
            return {what: {"unsupported": "driftpy answers about an account"} for what in question["what"]}
        return {what: self._answer(user, what, question) for what in question["what"]}

    def _answer(self, user: DriftUser, what: str, question: Document) -> Any:
        if what == "equity":
            return whole(user.get_net_usd_value())
        if what == "margin_initial":
            return whole(user.get_margin_requirement(MarginCategory.INITIAL))
        if what == "margin_maintenance":
            return whole(user.get_margin_requirement(MarginCategory.MAINTENANCE))
        if what == "wallet":
            return whole(user.get_token_amount(0))
        if what == "status":
            return status(user)
        if what == "price_liquidation":
            price = user.get_perp_liq_price(self._markets.index(question["market"]))
            return None if price in (None, -1) else whole(price)
        return {"unsupported": f"driftpy has no {what}"}


def whole(amount: int | float) -> str:
    """An amount as text. Theirs are floats with a whole value wherever one of their divisions was one."""
    assert int(amount) == amount, f"{amount!r} is no whole amount"
    return str(int(amount))


def status(user: DriftUser) -> str:
    """Their answers in the words of MAR-11, in its order."""
    if user.get_net_usd_value() < 0:
        return "bankrupt"
    if all(position.base_asset_amount == 0 for position in user.get_active_perp_positions()):
        return "flat"
    if user.can_be_liquidated():
        return "liquidatable"
    collateral = user.get_total_collateral(MarginCategory.INITIAL)
    return "margin_call" if collateral < user.get_margin_requirement(MarginCategory.INITIAL) else "healthy"


class Client:
    """What a DriftUser asks its DriftClient, from memory.

    perp_markets  as `perp_market` makes them
    prices        oracle prices by market index, 0 where there is none
    """

    def __init__(self, perp_markets: list[SimpleNamespace], prices: list[int]) -> None:
        self._perp_markets = perp_markets
        self._prices = [OraclePriceData(price, 0, 0, 0, 0, True) for price in prices]
        self._quote = quote_market()
        self._quote_price = OraclePriceData(PRICE_PRECISION, 0, 0, 0, 0, True)

    def get_perp_market_account(self, index: int) -> SimpleNamespace:
        """As DriftClient."""
        return self._perp_markets[index]

    def get_spot_market_account(self, index: int) -> SimpleNamespace:
        """As DriftClient: USDC, the only one."""
        return self._quote

    def get_spot_market_accounts(self) -> list[SimpleNamespace]:
        """As DriftClient."""
        return [self._quote]

    def get_oracle_price_data_for_perp_market(self, index: int) -> OraclePriceData:
        """As DriftClient."""
        return self._prices[index]

    def get_oracle_price_data_for_spot_market(self, index: int) -> OraclePriceData:
        """As DriftClient: one USDC is one dollar."""
        return self._quote_price


def quote_market() -> SimpleNamespace:
    """The USDC spot market, with every field that the SDK reads of it."""
    return SimpleNamespace(
        market_index=0,
        oracle="USDC",
        decimals=USDC_DECIMALS,
        cumulative_deposit_interest=SPOT_CUMULATIVE_INTEREST_PRECISION,
        cumulative_borrow_interest=SPOT_CUMULATIVE_INTEREST_PRECISION,
        initial_asset_weight=SPOT_WEIGHT_PRECISION,
        maintenance_asset_weight=SPOT_WEIGHT_PRECISION,
        initial_liability_weight=SPOT_WEIGHT_PRECISION,
        maintenance_liability_weight=SPOT_WEIGHT_PRECISION,
        scale_initial_asset_weight_start=0,
        imf_factor=0,
        historical_oracle_data=SimpleNamespace(last_oracle_price_twap5min=PRICE_PRECISION),
    )


def perp_market(index: int, market: Document) -> SimpleNamespace:
    """A perpetual market, with every field that the SDK reads of it.

    market  as in a canonical policy Errors: Untranslatable for tiers, for rates that are not whole
    hundredths of a percent, and for square roots that differ between the two schedules or count lots of
    another size."""
    ratios, factors = zip(
        *(ratio_and_factor(market[side]) for side in ("initial", "maintenance")), strict=True
    )
    if factors[0] != factors[1]:
        raise Untranslatable("a Drift market has one imf factor for both margins")
    if factors[0] and market["multiplier"] != "1":
        raise Untranslatable("Drift counts the square root in units of base asset, not in lots of several")
    return SimpleNamespace(
        market_index=index,
        status=MarketStatus.Active(),
        contract_type=ContractType.Perpetual(),
        quote_spot_market_index=0,
        margin_ratio_initial=ratios[0],
        margin_ratio_maintenance=ratios[1],
        imf_factor=factors[0],
        high_leverage_margin_ratio_initial=0,
        high_leverage_margin_ratio_maintenance=0,
        unrealized_pnl_initial_asset_weight=SPOT_WEIGHT_PRECISION,
        unrealized_pnl_maintenance_asset_weight=SPOT_WEIGHT_PRECISION,
        unrealized_pnl_imf_factor=0,
        unrealized_pnl_max_imbalance=0,
        amm=SimpleNamespace(
            oracle=f"PERP-{index}", cumulative_funding_rate_long=0, cumulative_funding_rate_short=0
        ),
    )


def ratio_and_factor(schedule: Document) -> tuple[int, int]:
    """Margin ratio in steps of 0.0001, and imf factor in steps of 0.000001, of a schedule.

    With lots of one unit, their sqrt(10 x units x 1e9) x imf / 1e7 is factor x sqrt(lots) / 100: the same
    number."""
    if schedule["kind"] == "sqrt":
        rate, factor = int(schedule["base"]), int(schedule["factor"])
    elif len(schedule["tiers"]) == 1:
        rate, factor = int(schedule["tiers"][0]["rise"]), 0
    else:
        raise Untranslatable("a Drift market has no tiers by notional")
    if rate % RATIO:
        raise Untranslatable(f"a margin ratio of Drift is a multiple of {RATIO} ppm, and {rate} is not")
    return rate // RATIO, factor


def drift_user(
    client: Client, account: Document, markets: list[str], multipliers: dict[str, int]
) -> DriftUser:
    """An account as the SDK reads it from the chain."""
    user = DriftUser.__new__(DriftUser)
    user.drift_client = client
    wallet = int(account["wallet"])
    kind = SpotBalanceType.Deposit() if wallet >= 0 else SpotBalanceType.Borrow()
    balance = abs(wallet) * BALANCE_PRECISION // 10**USDC_DECIMALS
    state = SimpleNamespace(
        spot_positions=[SpotPosition(balance, 0, 0, 0, 0, kind, 0)],
        perp_positions=[
            perp_position(index, account, name, multipliers[name] * BASE_PRECISION)
            for index, name in enumerate(markets)
            if name in account["positions"] or name in account["orders"]
        ],
        max_margin_ratio=0,
        status=0,
        margin_mode=MarginMode.Default(),
    )
    user.account_subscriber = SimpleNamespace(get_user_account_and_slot=lambda: SimpleNamespace(data=state))
    return user


def perp_position(index: int, account: Document, market: str, base_per_lot: int) -> PerpPosition:
    """Position and open orders of an account in one market."""
    position = account["positions"].get(market, {"size": "0", "cost": "0"})
    orders = account["orders"].get(market, {"buys": "0", "sells": "0"})
    buys, sells = int(orders["buys"]), int(orders["sells"])
    cost = int(position["cost"])
    return PerpPosition(
        last_cumulative_funding_rate=0,
        base_asset_amount=int(position["size"]) * base_per_lot,
        quote_asset_amount=-cost,
        quote_break_even_amount=-cost,
        quote_entry_amount=-cost,
        open_bids=buys * base_per_lot,
        open_asks=-sells * base_per_lot,
        settled_pnl=0,
        lp_shares=0,
        last_base_asset_amount_per_lp=0,
        last_quote_asset_amount_per_lp=0,
        remainder_base_asset_amount=0,
        market_index=index,
        open_orders=(buys > 0) + (sells > 0),
        per_lp_base=0,
    )


if __name__ == "__main__":
    serve(DriftEngine())
