"""The real engines that are compared: where each comes from, what is asked of it, and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from marginspec.adapters.comparison import Difference
from marginspec.adapters.drift_differences import DIFFERENCES, OF_GROWING_RATES
from marginspec.adapters.freqtrade_differences import OF_BYBIT, OF_HYPERLIQUID, of_binance
from marginspec.adapters.nautilus_differences import OF_ACCOUNT, OF_MODEL


@dataclass(frozen=True, slots=True)
class Run:
    """One comparison.

    title      what is compared
    arguments  of the adapter's program
    policy     a file in spec/conformance/
    """

    title: str
    arguments: tuple[str, ...]
    policy: str
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Subject:
    """One engine and its report.

    name          of the environment, the requirements file and the report
    title, about  what it is and why it is here
    adapter       a module of this package
    reproduction  a file in spec/conformance/reproductions/
    defects       what is worth filing upstream, one paragraph each, in the order of the reproduction
    missing       what is not compared, and why
    """

    name: str
    title: str
    about: str
    adapter: str
    runs: tuple[Run, ...]
    reproduction: str
    defects: tuple[str, ...]
    missing: str


NAUTILUS = Subject(
    "nautilus",
    "NautilusTrader",
    "A trading platform whose backtests keep margin accounts (PyPI `nautilus_trader` 1.221.0, the newest "
    "for CPython 3.11). Its instruments have one initial and one maintenance rate each, so the policy has "
    "one bracket a market.",
    "nautilus_engine",
    (
        Run("the margin account, as a strategy reads it", ("account",), "flat", OF_ACCOUNT),
        Run("the margin model alone, with the lots of MAR-6 at the mark", ("model",), "flat", OF_MODEL),
    ),
    "nautilus_defects.py",
    (
        "**Maintenance margin does not follow the price.** `AccountsManager.update_positions` passes the "
        "average price of opening where `calculate_margin_maint` asks for the current price "
        "(`accounting/manager.pyx`, line 394). A short of 1 BTC from 50 000 keeps a maintenance margin of "
        "1 250 USDT at 58 000, where the same model says 1 450. Expected: the price that `unrealized_pnl` "
        "uses, as both stand on one side of the comparison that liquidation makes.",
    ),
    "Status and liquidation price: there are none. Its risk engine compares the free balance, which "
    "leaves unrealized profit out, with the margin of a new order: the law's admission (TRD-7) has "
    "another form, and is not compared. Leverage is 1.",
)
DRIFT = Subject(
    "driftpy",
    "Drift's Python SDK",
    "What keepers and bots of the Drift exchange read accounts with (PyPI `driftpy` 0.8.89): margin "
    "requirement, size premium, liquidation price. Everything on chain is whole numbers, so most answers "
    "can be compared to the quantum.",
    "drift_engine",
    (
        Run("one rate per margin", (), "flat", DIFFERENCES),
        Run("rates that grow with the size: imf factor beside MAR-4", (), "growing", OF_GROWING_RATES),
    ),
    "drift_defects.py",
    (
        "**`get_perp_liq_price` is wrong while orders are open.** The margin requirement includes the "
        "worst case of the orders, the slope does not (`drift_user.py`, lines 1310 and 1321). At the "
        "price that it gives nothing happens: in the reproduction it says 89.47, and `can_be_liquidated` "
        "turns at 88.89. Expected: `include_open_orders` the same in both, as `liquidationPrice` of the "
        "TypeScript SDK has it.",
        "**`can_be_liquidated` reports healthy users.** It takes `get_total_collateral()`, whose default "
        "is the initial weights, and compares it with the maintenance requirement (line 227). With an "
        "initial weight of 0 for unrealized profit, as many markets have, a user with twice the "
        "maintenance margin is reported. Expected: `MarginCategory.MAINTENANCE`, as `get_health` has it.",
        "**`get_perp_liq_price(margin_category=INITIAL)` mixes both margins.** The category is not passed "
        "on to `calculate_free_collateral_delta_for_perp` (line 1321), so the slope is that of "
        "maintenance margin: at its price the account has more than its initial margin.",
        "**The size premium uses a float root.** `size**0.5` (`math/margin.py`, line 119), where program "
        "and TypeScript SDK take the whole root: the ratio can be one step of 0.0001 higher than on "
        "chain, and becomes a float, as every requirement then does.",
    ),
    "Collateral other than USDC, funding that is not settled, liquidity shares, high-leverage mode, "
    "strict prices, and everything that happens on chain: liquidation sizes and fees, the insurance fund, "
    "social loss. `get_health` is a percentage for display; the law has no such number, and its meaning "
    "is compared through MAR-7 and ACC-2.",
)
FREQTRADE = Subject(
    "freqtrade",
    "freqtrade's liquidation prices",
    "Its dry runs and backtests close positions at these prices (PyPI `freqtrade` 2026.9). Chosen now, "
    "and not Mango v4's client, because it implements three venues' formulas with brackets, which the two "
    "other engines do not have, and because Drift already stands for weights of that kind.",
    "freqtrade_engine",
    (
        Run("Binance, cross margin, leverage 1", ("binance",), "tiers", of_binance(1)),
        Run("Binance, cross margin, leverage 10", ("binance", "--leverage", "10"), "tiers", of_binance(10)),
        Run("Bybit, isolated margin", ("bybit",), "tiers", OF_BYBIT),
        Run("Hyperliquid, cross margin", ("hyperliquid",), "flat", OF_HYPERLIQUID),
    ),
    "freqtrade_defects.py",
    (
        "**A loss on another short counts as a profit.** `binance.py`, line 365: `upnl_ex_1` has no sign "
        "for `trade.is_short`. In the reproduction a loss of 2 000 and a profit of 2 000 give the same "
        "liquidation price.",
        "**The bracket is looked up by the collateral.** `binance.py`, lines 342 and 359, and the same "
        "call in `bybit.py`, `bitget.py` and `exchange.py`, pass `stake_amount`, which is the notional "
        "divided by the leverage, to a parameter documented as the total trade amount. A cross "
        "liquidation price then depends on the leverage, which it does not on Binance. Asked as issue "
        "10422 and answered that it is right; the reproduction is the argument that it is not.",
        "**Hyperliquid in cross margin sees one position.** `hyperliquid.py` does not read `open_trades`: "
        "every position's price is that of an account without the others.",
    ),
    "The `liquidation_buffer` that freqtrade puts on top, fees, and exchanges without brackets in their "
    "API. An account with several positions is unsupported under Bybit, where freqtrade knows isolated "
    "margin only.",
)
SUBJECTS = {subject.name: subject for subject in (NAUTILUS, DRIFT, FREQTRADE)}
