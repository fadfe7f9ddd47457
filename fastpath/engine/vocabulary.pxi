# The names that results carry, as numbers. RULES, REASONS, STAGES, FAULTS below are their texts, in the same order.

cdef enum:
    EVT_1 = 1
    EVT_2, EVT_3
    TRD_1, TRD_2, TRD_3, TRD_4, TRD_5, TRD_6, TRD_7
    ORD_1, ORD_2
    LIM_1, LIM_2, LIM_3, LIM_4
    FEE_2, FEE_3
    DEP_1, DEP_2
    FND_1, FND_2
    WDR_1, WDR_2, WDR_3, WDR_4
    TRF_1, TRF_2
    FUN_1, FUN_3
    PRC_1, PRC_2
    LIQ_1, LIQ_2, LIQ_3, LIQ_4, LIQ_5, LIQ_6
    TKO_1, TKO_2, TKO_3, TKO_4
    INS_4
    ADL_7, ADL_8
    LOS_2, LOS_5, LOS_6
    RES_2

RULES = (
    "",
    "EVT-1", "EVT-2", "EVT-3",
    "TRD-1", "TRD-2", "TRD-3", "TRD-4", "TRD-5", "TRD-6", "TRD-7",
    "ORD-1", "ORD-2",
    "LIM-1", "LIM-2", "LIM-3", "LIM-4",
    "FEE-2", "FEE-3",
    "DEP-1", "DEP-2",
    "FND-1", "FND-2",
    "WDR-1", "WDR-2", "WDR-3", "WDR-4",
    "TRF-1", "TRF-2",
    "FUN-1", "FUN-3",
    "PRC-1", "PRC-2",
    "LIQ-1", "LIQ-2", "LIQ-3", "LIQ-4", "LIQ-5", "LIQ-6",
    "TKO-1", "TKO-2", "TKO-3", "TKO-4",
    "INS-4",
    "ADL-7", "ADL-8",
    "LOS-2", "LOS-5", "LOS-6",
    "RES-2",
)

cdef enum:
    TIME_GOES_BACK = 1
    AMOUNT_TOO_SMALL
    NEITHER_BUY_NOR_SELL
    UNKNOWN_ACCOUNT
    UNKNOWN_MARKET
    UNKNOWN_POOL
    NO_MARK
    TRADES_WITH_ITSELF
    MARKET_NOT_IN_POOL
    PRICE_OUTSIDE_BAND
    MAKER_OFFERS_LESS
    SIZE_ABOVE_LIMIT
    TOO_MANY_MARKETS
    PRICE_ABOVE_LIMIT
    EQUITY_BELOW_INITIAL
    BACKSTOP_RESTS_NO_ORDERS
    NOT_ADMITTED
    BAD_DEBT_STANDS
    NOT_IN_FEE_POOL
    NOT_IN_CUSTODY
    OWNER_OR_POOL_MISSING
    RESERVED_FOR_THE_HOUSE
    OWNED_BY_ANOTHER
    IN_ANOTHER_POOL
    VENUE_IS_FULL
    NOT_IN_WALLET
    EQUITY_BELOW_REQUIREMENT
    WOULD_BE_LIQUIDATABLE
    SAME_ACCOUNT
    DIFFERENT_OWNERS
    RATE_ABOVE_CAP
    NO_MARKET_NAMED
    PRICE_BELOW_ONE_TICK
    MARKET_PRICE_ABOVE_LIMIT
    NOT_LIQUIDATABLE
    NO_POSITION
    MORE_THAN_SIZE_RULE
    RATIO_WOULD_FALL
    ABOVE_TAKEOVER_TRIGGER
    ITS_OWN_BACKSTOP
    BACKSTOP_IS_FULL
    BACKSTOP_BELOW_INITIAL

# Each reason with its numbers. `name` says of what a number is the index; "event" names are texts of the event
# itself, which the engine may not know.
REASONS = (
    ("", ()),
    ("time_goes_back", (("time", ""), ("clock", ""))),
    ("amount_too_small", (("field", "field"), ("amount", ""), ("least", ""))),
    ("neither_buy_nor_sell", (("side", "event"),)),
    ("unknown_account", (("account", "event"),)),
    ("unknown_market", (("market", "event"),)),
    ("unknown_pool", (("pool", "event"),)),
    ("no_mark", (("market", "market"),)),
    ("trades_with_itself", (("account", "account"),)),
    ("market_not_in_pool", (("account", "account"), ("pool", "pool"))),
    ("price_outside_band", (("price", ""), ("mark", ""))),
    ("maker_offers_less", (("offered", ""), ("lots", ""))),
    ("size_above_limit", (("account", "account"), ("lots", ""), ("limit", ""))),
    ("too_many_markets", (("account", "account"), ("markets", ""), ("limit", ""))),
    ("price_above_limit", (("price", ""), ("limit", ""))),
    ("equity_below_initial", (("equity", ""), ("required", ""))),
    ("backstop_rests_no_orders", (("account", "account"),)),
    ("not_admitted", (("account", "account"), ("equity", ""), ("initial", ""), ("maintenance", ""))),
    ("bad_debt_stands", (("bad_debt", ""),)),
    ("not_in_fee_pool", (("fee_pool", ""),)),
    ("not_in_custody", (("custody", ""),)),
    ("owner_or_pool_missing", (("account", "event"), ("pool", "event"))),
    ("reserved_for_the_house", (("account", "event"), ("owner", "event"))),
    ("owned_by_another", (("account", "event"), ("owner", "event"))),
    ("in_another_pool", (("account", "event"), ("pool", "event"))),
    ("venue_is_full", (("custody", ""), ("limit", ""))),
    ("not_in_wallet", (("wallet", ""),)),
    ("equity_below_requirement", (("equity", ""), ("required", ""))),
    ("would_be_liquidatable", (("equity", ""), ("required", ""))),
    ("same_account", (("account", "account"),)),
    ("different_owners", (("source", "owner"), ("target", "owner"))),
    ("rate_above_cap", (("rate", ""), ("cap", ""))),
    ("no_market_named", ()),
    ("price_below_one_tick", (("market", "market"), ("price", ""))),
    ("price_above_limit", (("market", "market"), ("price", ""), ("limit", ""))),
    ("not_liquidatable", (("account", "account"), ("equity", ""), ("maintenance", ""))),
    ("no_position", (("account", "account"), ("market", "market"))),
    ("more_than_size_rule", (("lots", ""), ("closable", ""))),
    ("ratio_would_fall", (("account", "account"), ("equity", ""), ("maintenance", ""))),
    ("above_takeover_trigger", (("account", "account"), ("equity", ""), ("maintenance", ""))),
    ("its_own_backstop", (("account", "account"),)),
    ("backstop_is_full", (("notional", ""), ("limit", ""))),
    ("backstop_below_initial", (("equity", ""), ("required", ""))),
)

cdef enum:
    FILL_STAGE = 1
    TAKEOVER_STAGE
    BACKSTOP_TAKES
    HOLDERS_TAKE
    DELEVERAGED
    AT_MARK
    FUND_PAYS
    PAYERS_PAY
    BAD_DEBT_STAGE

STAGES = (
    "", "fill", "takeover", "backstop", "holders", "adl", "at_mark", "fund_residue", "payers", "bad_debt",
)

cdef enum:
    WALLET_ENTRY = 0
    OPEN_COST_ENTRY
    FUND_ENTRY
    FEE_POOL_ENTRY
    BAD_DEBT_ENTRY
    CUSTODY_ENTRY
    LOTS_ENTRY
    ORDERS_ENTRY
    DRAWN_ENTRY
    MARK_ENTRY
    OPENED_ENTRY
    CLOCK_ENTRY

ENTRY_KINDS = (
    "wallet", "open_cost", "fund", "fee_pool", "bad_debt", "custody", "lots",
    "orders", "drawn", "mark", "opened", "clock",
)

cdef enum:
    DEPOSIT_EVENT = 0
    WITHDRAW_EVENT
    TRANSFER_EVENT
    ORDER_EVENT
    TRADE_EVENT
    PRICES_EVENT
    FUNDING_EVENT
    LIQUIDATION_FILL_EVENT
    TAKEOVER_EVENT
    FUND_DEPOSIT_EVENT
    FEE_WITHDRAWAL_EVENT

EVENT_TYPES = (
    "deposit", "withdraw", "transfer", "order", "trade", "prices", "funding", "liquidation_fill", "takeover",
    "fund_deposit", "fee_withdrawal",
)

SIZE_RULES = ("full", "fraction", "tier_step", "restore")
ALLOCATIONS = ("queue", "pro_rata", "capped_pro_rata")

cdef enum:
    FULL_SIZE = 0
    FRACTION_SIZE
    TIER_STEP_SIZE
    RESTORE_SIZE

cdef enum:
    QUEUE_ALLOCATION = 0
    PRO_RATA_ALLOCATION
    CAPPED_PRO_RATA_ALLOCATION

# Why an event could not be computed. `holder` is the index of an account, a pool, or nothing.
cdef enum:
    FAULT_MEMORY = 1
    FAULT_TYPE
    FAULT_X
    FAULT_Y
    FAULT_WALLET
    FAULT_COST
    FAULT_POOL
    FAULT_INDEX

FAULTS = ("", "memory", "type", "x", "y", "wallet", "open_cost", "pool", "index")
