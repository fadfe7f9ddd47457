"""Four differences inside driftpy 0.8.89, with nothing but driftpy: pip install driftpy==0.8.89."""

from math import isqrt
from types import SimpleNamespace

from driftpy.drift_user import DriftUser
from driftpy.math.margin import MarginCategory, calculate_market_margin_ratio
from driftpy.types import (
    ContractType,
    MarginMode,
    MarketStatus,
    OraclePriceData,
    PerpPosition,
    SpotBalanceType,
    SpotPosition,
)


def market(profit_weight_initial=10_000, imf_factor=0):
    """SOL-PERP with 10 % initial and 5 % maintenance margin."""
    return SimpleNamespace(
        market_index=0,
        status=MarketStatus.Active(),
        contract_type=ContractType.Perpetual(),
        quote_spot_market_index=0,
        margin_ratio_initial=1_000,
        margin_ratio_maintenance=500,
        imf_factor=imf_factor,
        high_leverage_margin_ratio_initial=0,
        high_leverage_margin_ratio_maintenance=0,
        unrealized_pnl_initial_asset_weight=profit_weight_initial,
        unrealized_pnl_maintenance_asset_weight=10_000,
        unrealized_pnl_imf_factor=0,
        unrealized_pnl_max_imbalance=0,
        amm=SimpleNamespace(oracle="SOL", cumulative_funding_rate_long=0, cumulative_funding_rate_short=0),
    )


def user(perp, usdc, price, base, entry, bids=0):
    """A user with `usdc` deposited and `base` SOL bought at `entry`; bids of `bids` SOL rest."""
    quote = SimpleNamespace(
        market_index=0,
        oracle="USDC",
        decimals=6,
        cumulative_deposit_interest=10**10,
        cumulative_borrow_interest=10**10,
        initial_asset_weight=10_000,
        maintenance_asset_weight=10_000,
        initial_liability_weight=10_000,
        maintenance_liability_weight=10_000,
        scale_initial_asset_weight_start=0,
        imf_factor=0,
    )
    position = PerpPosition(
        0, base * 10**9, *[-base * entry * 10**6] * 3, bids * 10**9, *[0] * 6, 0, int(bids > 0), 0
    )
    deposit = SpotPosition(usdc * 10**9, 0, 0, 0, 0, SpotBalanceType.Deposit(), 0)
    account = SimpleNamespace(
        spot_positions=[deposit],
        perp_positions=[position],
        max_margin_ratio=0,
        status=0,
        margin_mode=MarginMode.Default(),
    )
    it = DriftUser.__new__(DriftUser)
    it.drift_client = SimpleNamespace(
        get_perp_market_account=lambda index: perp,
        get_spot_market_account=lambda index: quote,
        get_spot_market_accounts=lambda: [quote],
        get_oracle_price_data_for_perp_market=lambda index: OraclePriceData(
            int(price * 10**6), 0, 0, 0, 0, True
        ),
        get_oracle_price_data_for_spot_market=lambda index: OraclePriceData(10**6, 0, 0, 0, 0, True),
    )
    it.account_subscriber = SimpleNamespace(get_user_account_and_slot=lambda: SimpleNamespace(data=account))
    return it


print("1. get_perp_liq_price counts open orders in the requirement and not in the slope")
price = user(market(), usdc=200, price=100, base=10, entry=100, bids=10).get_perp_liq_price(0) / 10**6
print(f"   10 SOL long at 100 with 200 USDC, a bid for 10 more: liquidation price {price}")
for at in (price + 0.01, price - 0.01, 88.90, 88.88):
    position = user(market(), 200, at, 10, 100, bids=10)
    print(f"   at {at:.2f}: can_be_liquidated {position.can_be_liquidated()}")
print(f"   without the bid: {user(market(), 200, 100, 10, 100).get_perp_liq_price(0) / 10**6}")

print("2. can_be_liquidated compares collateral with initial weights to the maintenance requirement")
holder = user(market(profit_weight_initial=0), usdc=10, price=110, base=10, entry=100)
print(f"   10 SOL long at 100, now 110, 10 USDC: health {holder.get_health()}")
print(f"   collateral for maintenance {holder.get_total_collateral(MarginCategory.MAINTENANCE) / 10**6}")
print(f"   required                   {holder.get_margin_requirement(MarginCategory.MAINTENANCE) / 10**6}")
print(f"   can_be_liquidated          {holder.can_be_liquidated()}")

print("3. get_perp_liq_price(margin_category=INITIAL) has the slope of maintenance margin")
price = (
    user(market(), 200, 100, 10, 100).get_perp_liq_price(0, margin_category=MarginCategory.INITIAL) / 10**6
)
then = user(market(), 200, price, 10, 100)
print(
    f"   price {price}; there, collateral {then.get_total_collateral() / 10**6}, initial requirement "
    f"{then.get_margin_requirement(MarginCategory.INITIAL) / 10**6}"
)

print("4. calculate_size_premium_liability_weight takes a float root, the program a whole one")
perp = market(imf_factor=30_000)
for step in range(300, 310):
    base = (step * 10**7 // 30_000) ** 2 // 10 + 7_000
    ratio = calculate_market_margin_ratio(perp, base, MarginCategory.INITIAL)
    whole = max(1_000, 800 + isqrt(base * 10 + 1) * 30_000 // 10**7)
    if ratio != whole:
        print(f"   base_asset_amount {base}, imf factor 30_000: ratio {ratio!r}, with a whole root {whole}")
        break
