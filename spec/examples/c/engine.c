/* An engine for the whole law of the policy `minimal`: one file of C11, written from the prose alone.

   It speaks the conformance protocol (spec/protocol.md). In this order: requests, the policy, the state,
   margin (chapter 3), trading (4), money in and out (6), liquidation and takeover (8 and 9), deleveraging
   (10), resolution (9 and 11), events (5, 7 and 12), queries, the protocol. Comments name the rules. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef __int128 I; /* every amount, size, price, rate and time; a product of three of them fits */
#define EACH(i, count) for (size_t i = 0; i < (count); i++)

/* ---- How a request ends early ---- */
static jmp_buf back;
static const char *outcome, *why; /* of a refusal: the rule, a space, the reason */

_Noreturn static void leave(const char *with, const char *reason) {
    outcome = with, why = reason;
    longjmp(back, 1);
}
static void refuse(bool is_so, const char *rule) { if (is_so) leave("refused", rule); }
static void fail(bool is_so, const char *reason) { if (is_so) leave("error", reason); }

/* ---- Requests: JSON, read into a tree; strings are decoded where they stand ---- */
typedef struct Json {
    char kind; /* " { [ or w, the word that a number or a literal is */
    const char *key, *text;
    struct Json *first, *next; /* of a list or an object: its first member; the member after this one */
} Json;
static Json *node; /* the next free one: there are as many as characters in the line */
static char *at;   /* what is read next; a 0 ends the line */

static bool is(const char *text, const char *other) { return !strcmp(text, other); }
static char next(void) { return at += strspn(at, " \t\r\n"), *at; }
static bool take(char c) { return next() == c ? at++, true : false; }

static unsigned hex4(void) {
    char digits[5] = {0};
    fail(strspn(at, "0123456789abcdefABCDEF") < 4, "bad escape in a string");
    memcpy(digits, at, 4), at += 4;
    return (unsigned)strtoul(digits, NULL, 16);
}
static const char *read_string(void) { /* behind its first quote; what an escape stands for is shorter */
    char *start = at, *to = at;
    while (*at != '"') {
        fail((unsigned char)*at < 0x20, "a string without an end, or with a control character");
        if (*at != '\\') { *to++ = *at++; continue; }
        static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
        const char *found = *++at ? strchr(from, *at) : NULL;
        fail(!found && *at != 'u', "bad escape in a string");
        at++;
        if (found) { *to++ = into[found - from]; continue; }
        unsigned code = hex4();
        if (code >> 10 == 0x36 && at[0] == '\\' && at[1] == 'u') /* the first half of a surrogate pair */
            at += 2, code = 0x10000 + ((code & 0x3ff) << 10) + (hex4() & 0x3ff);
        fail(code == 0 || code >> 11 == 0x1b, "a character that no name can have");
        int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* UTF-8 */
        *to++ = (char)("\x00\xc0\xe0\xf0"[more] | (int)(code >> 6 * more));
        while (more--) *to++ = (char)(0x80 | (code >> 6 * more & 0x3f));
    }
    at++, *to = 0;
    return start;
}
static Json *read_json(int depth) {
    Json *json = node++, **last = &json->first;
    *json = (Json){.kind = next()};
    fail(depth > 32, "nested too deeply");
    if (take('"')) json->text = read_string();
    else if (take('{') || take('[')) {
        bool object = json->kind == '{';
        if (take(object ? '}' : ']')) return json;
        do {
            fail(object && !take('"'), "a key that is not a string");
            const char *key = object ? read_string() : NULL;
            fail(object && !take(':'), "a key without a value");
            *last = read_json(depth + 1), (*last)->key = key, last = &(*last)->next;
        } while (take(','));
        fail(!take(object ? '}' : ']'), "a bracket that is not closed");
    } else {
        json->kind = 'w', json->text = at, at += strspn(at, "+-.0123456789aeflnrstuE");
        fail(at == json->text, "not JSON");
    }
    return json;
}
#define MEMBERS(json, of) for (const Json *json = (of)->first; json; json = json->next)

static const Json *get(const Json *object, const char *key, char kind) { /* NULL if it has none */
    if (object->kind == '{') MEMBERS(json, object) if (json->kind == kind && is(json->key, key)) return json;
    return NULL;
}
static const Json *need(const Json *object, const char *key, char kind) {
    const Json *json = get(object, key, kind);
    fail(!json, "a key is missing or has a value of another kind");
    return json;
}
static const char *name(const Json *object, const char *key) { return need(object, key, '"')->text; }
static const char *optional(const Json *object, const char *key) { /* a name, or NULL */
    return get(object, key, '"') ? name(object, key) : NULL;
}
static I number(const Json *object, const char *key) { /* NUM-2, in the form of EVT-4 */
    const char *text = name(object, key), *digits = text + (*text == '-');
    bool zeros = *digits == '0' && (digits[1] || digits > text);
    fail(!*digits || digits[strspn(digits, "0123456789")] || zeros, "not a whole number as a string");
    if (strlen(digits) > 18) leave("unsupported", "a number of more than 18 digits");
    return strtoll(text, NULL, 10);
}

/* ---- The policy: spec/policies/minimal.toml, known by its digest (EVT-5) ---- */
#define POLICY "sha256:2d33d3df4b0165251ce139e51d5f77824103e116e1fec6991a087b10423a58a3"
#define MARKET "BTC-PERP"
enum { CROSS, ISOLATED, POOLS }; /* in the order in which they are resolved (RES-3) */
static const char *pools[] = {"cross", MARKET}, *backstops[] = {"backstop:cross", "backstop:" MARKET};
enum {
    MILLION = 1000000, TRANSFER_RATE = 100000, FEE_TAKER = 500, FEE_MAKER = -100,
    TAKEOVER_TRIGGER = 666667, DRAW_PERIOD = 86400000, DRAW_LIMIT = 100000000, BACKSTOP_MAX = 1000000000,
    MULTIPLIER = 1, PRICE_MAX = 10000000, LOTS_MAX = 1000000, BAND = 100000, FUNDING_CAP = 20000,
    FILL_BAND = 50000, FILL_BUFFER = 100, PENALTY = 4000
};
static const I TOTAL_MAX = 1000000000000;
enum { BRACKETS = 3 };
static const struct { I from, initial, maintenance, amount; } bracket[BRACKETS] = { /* amount: MAR-13 */
    {0, 50000, 25000, 0}, {5000000, 100000, 50000, 125000000000}, {50000000, 200000, 100000, 2625000000000}
};

/* ---- The state (chapter 2) ---- */
enum { ACCOUNTS_MAX = 1000 };
typedef struct { char *id, *owner; size_t pool; I wallet, size, cost, buys, sells; } Account;
typedef struct { I fund, fees, bad_debt, period, drawn; } Pool;
static struct Venue {
    I clock, custody, mark; /* a mark of 0 is none */
    Pool pool[POOLS];
    Account account[ACCOUNTS_MAX + 1]; /* in the order of identifiers; behind the last the id is NULL */
} now, kept; /* kept: as it was after the last request, for the event that is refused halfway */
static bool loaded;
#define ACCOUNTS(a) for (Account *a = now.account; a->id; a++)

static Account *place_of(const char *id) { /* of an account, or where it would stand */
    Account *a = now.account;
    while (a->id && strcmp(a->id, id) < 0) a++;
    return a;
}
static Account *find(const char *id) {
    Account *a = place_of(id);
    return a->id && is(a->id, id) ? a : NULL;
}
static Account *open_account(const char *id, const char *owner, size_t pool) {
    Account *a = place_of(id), *last = now.account + ACCOUNTS_MAX - 1;
    if (last->id) leave("unsupported", "more accounts than there is room for");
    memmove(a + 1, a, (size_t)(last - a) * sizeof *a);
    *a = (Account){.id = strdup(id), .owner = strdup(owner), .pool = pool};
    if (!a->id || !a->owner) abort();
    return a;
}
static size_t pool_of(const char *id) { return is(id, "cross") ? CROSS : is(id, MARKET) ? ISOLATED : POOLS; }
static Account *backstop_of(const Account *a) { return find(backstops[a->pool]); }

/* ---- Numbers (chapter 1) and margin (chapter 3) ---- */
static I min(I one, I other) { return one < other ? one : other; }
static I max(I one, I other) { return one > other ? one : other; }
static I size_of(I value) { return value < 0 ? -value : value; }
static I down(I numerator, I divisor) { return numerator / divisor - (numerator % divisor < 0); } /* NUM-3 */
static I up(I numerator, I divisor) { return -down(-numerator, divisor); }                        /* NUM-1 */

/* NUM-6: the last number that holds, between one from where it does and one from where it does not */
static I largest(bool (*holds)(const Account *, I), const Account *a, I low, I high) {
    while (high - low > 1) {
        I middle = (low + high) / 2;
        if (holds(a, middle)) low = middle; else high = middle;
    }
    return low;
}

static I initial_of(I notional) { /* MAR-3 */
    I rate = 0;
    EACH(b, BRACKETS) if (notional > bracket[b].from) rate = bracket[b].initial;
    return up(rate * notional, MILLION);
}
static I maintenance_of(I notional) { /* MAR-2, as the highest of its lines (MAR-13) */
    I most = 0;
    EACH(b, BRACKETS) most = max(most, bracket[b].maintenance * notional - bracket[b].amount);
    return up(most, MILLION);
}
static I lot_value(void) { return now.mark * MULTIPLIER; }
static I at_risk(I size, I buys, I sells) { /* MAR-6 */
    return max(size_of(size + buys), size_of(size - sells));
}

typedef struct { I equity, initial, maintenance, notional, profit; } Standing;

static Standing standing_at(const Account *a, I mark) { /* ACC-1, ACC-2, MAR-1, MAR-7, MAR-8 */
    I value = a->size * mark * MULTIPLIER, risk = at_risk(a->size, a->buys, a->sells) * mark * MULTIPLIER;
    return (Standing){.equity = a->wallet + value - a->cost, .initial = initial_of(risk),
        .maintenance = maintenance_of(size_of(value)), .notional = size_of(value), .profit = value - a->cost};
}
static Standing standing(const Account *a) { return standing_at(a, now.mark); }
static bool liquidatable(Standing s) { return s.equity < s.maintenance && s.maintenance > 0; } /* MAR-9 */
static bool carries(Standing s) { return s.equity >= s.initial && !liquidatable(s); }          /* MAR-10 */

/* ---- Trading (chapter 4) ---- */
static const char *order_refusal(const Account *a, I buys, I sells) { /* ORD-1; NULL if it is admitted */
    Account with = *a;
    with.buys = buys, with.sells = sells;
    if (a == backstop_of(a)) return "ORD-2 backstop_rests_no_orders";
    if (!now.mark) return "TRD-1 no_mark";
    if (at_risk(a->size, buys, sells) > LOTS_MAX) return "LIM-1 size_above_limit";
    bool more = standing(&with).initial > standing(a).initial;
    return more && !carries(standing(&with)) ? "ORD-1 equity_below_initial" : NULL;
}
static bool outside(I price, I band) { return size_of(price - now.mark) * MILLION > band * now.mark; }

static void within_limits(const Account *a, I lots, I price) { /* of who takes lots at a price */
    refuse(at_risk(a->size + lots, a->buys, a->sells) > LOTS_MAX, "LIM-1 size_above_limit");
    refuse(price > PRICE_MAX, "LIM-3 price_above_limit");
}
static void deal(Account *a, I lots, I paid) { /* one side of TRD-5 and CLO-3, signed; TRD-6 */
    I closed = (a->size < 0) != (lots < 0) ? min(size_of(a->size), size_of(lots)) : 0, realised = 0;
    if (closed) realised = -up(paid * closed, size_of(lots)) - up(a->cost * closed, size_of(a->size));
    a->size += lots, a->cost += paid + realised, a->wallet += realised;
}
static void admit(const Account *a, const Account *was, I gain) { /* TRD-7 */
    Standing after = standing(a), before = standing(was);
    bool closer = size_of(a->size) < size_of(was->size) && (!a->size || (a->size < 0) == (was->size < 0));
    after.equity -= max(gain, 0);
    bool better = closer && after.equity * before.maintenance > before.equity * after.maintenance;
    bool flat = after.maintenance == 0 && after.equity >= 0;
    refuse(!carries(after) && !better && !flat, "TRD-7 not_admitted");
}
static void trade(Account *taker, Account *maker, I lots, I price) { /* lots below 0 are sold by the taker */
    const Account taker_was = *taker, maker_was = *maker;
    I *offer = lots > 0 ? &maker->sells : &maker->buys, paid = lots * price * MULTIPLIER;
    refuse(!now.mark, "TRD-1 no_mark");
    refuse(taker == maker, "TRD-2 trades_with_itself");
    refuse(outside(price, BAND), "TRD-4 price_outside_band");
    refuse(*offer < size_of(lots), "TRD-5 maker_offers_less");
    within_limits(taker, lots, price);
    *offer -= size_of(lots), deal(taker, lots, paid), deal(maker, -lots, -paid);
    /* FEE-1, FEE-2: the rebate comes out of the taker's fee */
    I fee = up(size_of(paid) * FEE_TAKER, MILLION), rebate = -up(size_of(paid) * FEE_MAKER, MILLION);
    taker->wallet -= fee, maker->wallet += rebate, now.pool[taker->pool].fees += fee - rebate;
    I gain = lots * lot_value() - paid;
    admit(taker, &taker_was, gain), admit(maker, &maker_was, -gain);
}

/* ---- Money in and out (chapter 6; FND-1 of chapter 9) ---- */
static void gate(const char *rule) { EACH(p, POOLS) refuse(now.pool[p].bad_debt, rule); } /* WDR-1, TRF-2 */

static I must_stay(Standing s) { return max(s.initial, up(s.notional * TRANSFER_RATE, MILLION)); } /* WDR-3 */

static void outflow(Account *a, I amount) {
    Standing s = standing(a);
    refuse(a->wallet < amount, "WDR-2 not_in_wallet");
    s.equity -= amount;
    refuse(s.equity < must_stay(s), "WDR-3 equity_below_requirement");
    refuse(liquidatable(s), "WDR-3 would_be_liquidatable");
    a->wallet -= amount;
}
static void pay_out(I amount) { /* WDR-4 */
    refuse(amount > now.custody, "WDR-4 not_in_custody");
    now.custody -= amount;
}
static void pay_in(I amount) { /* LIM-4 */
    refuse(now.custody + amount > TOTAL_MAX, "LIM-4 venue_is_full");
    now.custody += amount;
}
static void to_fund(Pool *pool, I amount) { /* FND-1: bad debt first */
    I repaid = min(amount, pool->bad_debt);
    pool->bad_debt -= repaid, pool->fund += amount - repaid;
}
static void withdraw(Account *a, I amount) {
    gate("WDR-1 bad_debt_stands"), outflow(a, amount), pay_out(amount);
}
static void transfer(Account *source, Account *target, I amount) {
    refuse(source == target, "TRF-1 same_account");
    refuse(!is(source->owner, target->owner), "TRF-1 different_owners");
    if (source->pool != target->pool) gate("TRF-2 bad_debt_stands");
    outflow(source, amount), target->wallet += amount;
}
static void withdraw_fees(Pool *pool, I amount) { /* FEE-3 */
    gate("WDR-1 bad_debt_stands");
    refuse(amount > pool->fees, "FEE-3 not_in_fee_pool");
    pay_out(amount), pool->fees -= amount;
}
static void deposit(const char *id, const char *owner, const char *pool, I amount) {
    Account *a = find(id);
    size_t p = pool ? pool_of(pool) : POOLS;
    refuse(!a && (!owner || p == POOLS), "DEP-1 owner_or_pool_missing");
    refuse(!a && (is(owner, "house") || !strncmp(id, "backstop:", 9)), "DEP-1 reserved_for_the_house");
    refuse(a && owner && !is(owner, a->owner), "DEP-2 owned_by_another");
    refuse(a && pool && p != a->pool, "DEP-2 in_another_pool");
    pay_in(amount);
    if (!a) a = open_account(id, owner, p);
    a->wallet += amount;
}

/* ---- Liquidation and takeover (chapters 8 and 9) ---- */
static I closable(I size, I equity, I worse, I lot_price) { /* LIQ-2, RST-1, RST-2: what each line asks for */
    I most = 1, value = lot_value();
    EACH(b, BRACKETS) {
        I rate = bracket[b].maintenance, relief = rate * value - MILLION * worse - PENALTY * lot_price;
        I room = MILLION * (equity - FILL_BUFFER) - rate * size * value + bracket[b].amount;
        if (room < 0) most = max(most, relief <= 0 ? size : min(up(-room, relief), size));
    }
    return most;
}
static void liquidation_fill(Account *a, Account *other, I lots, I price) { /* LIQ-5 */
    const Account other_was = *other;
    const Standing before = standing(a);
    I sign = a->size > 0 ? 1 : -1, size = size_of(a->size), lot_price = price * MULTIPLIER;
    I worse = sign * (lot_value() - lot_price), left = before.equity - lots * worse, paid = lots * lot_price;
    refuse(!liquidatable(before), "LIQ-1 not_liquidatable"); /* so it has a position: LIQ-2 `no_position` */
    refuse(a == other, "TRD-2 trades_with_itself");
    refuse(outside(price, FILL_BAND), "LIQ-6 price_outside_band");
    refuse(lots > closable(size, before.equity, worse, lot_price), "LIQ-2 more_than_size_rule");
    within_limits(other, sign * lots, price);
    I after = maintenance_of((size - lots) * lot_value());
    refuse(left * before.maintenance < before.equity * after, "LIQ-4 ratio_would_fall");
    a->buys = a->sells = 0; /* CLO-4 */
    deal(a, -sign * lots, -sign * paid), deal(other, sign * lots, sign * paid);
    I fee = up(paid * FEE_TAKER, MILLION), free_equity = left - up(before.equity * after, before.maintenance);
    I penalty = min(up(paid * PENALTY, MILLION), max(free_equity, 0)); /* LIQ-3 */
    other->wallet -= fee, now.pool[other->pool].fees += fee;
    a->wallet -= penalty, to_fund(&now.pool[a->pool], penalty);
    admit(other, &other_was, sign * (lots * lot_value() - paid));
}
static void takeover(Account *a) { /* TKO-1 to TKO-4 */
    Account *b = backstop_of(a);
    Standing s = standing(a);
    I size = a->size, paid = size * lot_value() - s.equity; /* one position carries all (CLO-1) */
    refuse(s.equity * MILLION >= TAKEOVER_TRIGGER * s.maintenance, "TKO-1 above_takeover_trigger");
    refuse(a == b, "TKO-2 its_own_backstop");
    refuse(size_of(b->size + size) > LOTS_MAX, "LIM-1 size_above_limit");
    a->buys = a->sells = 0; /* CLO-4 */
    deal(a, -size, -paid), deal(b, size, paid);
    refuse(standing(b).notional > BACKSTOP_MAX, "TKO-3 backstop_is_full");
    refuse(!carries(standing(b)), "TKO-3 backstop_below_initial");
}

/* ---- Deleveraging (chapter 10) ---- */
typedef struct { Account *account; I above, below, size; } Rank; /* the score is above / below */
typedef Rank Ranking[ACCOUNTS_MAX + 1];                          /* behind the last the account is NULL */
#define RANKED(r, ranking) for (const Rank *r = ranking; r->account; r++)

static int compare(I a, I b, I c, I d) { /* a / b with c / d, by continued fractions, so without a product */
    if (a / b != c / d) return a / b > c / d ? 1 : -1;
    if (a % b == 0 || c % d == 0) return (a % b != 0) - (c % d != 0);
    return compare(d, c % d, b, a % b); /* of what is left of both, the inverses the other way round */
}
static int by_rank(const void *left, const void *right) { /* ADL-2; RES-1 and LOS-5 with a size of 0 */
    const Rank *one = left, *other = right;
    int score = compare(other->above, other->below, one->above, one->below);
    if (score || one->size != other->size) return score ? score : one->size > other->size ? -1 : 1;
    return one->account < other->account ? -1 : 1;
}
static void sort(Ranking ranking, Rank *end) {
    end->account = NULL;
    qsort(ranking, (size_t)(end - ranking), sizeof *ranking, by_rank);
}
static void rank(Ranking ranking, I sign) { /* the longs, 1, or the shorts, -1 */
    Rank *end = ranking;
    ACCOUNTS(a) if (a->size * sign > 0 && !liquidatable(standing(a))) { /* ADL-1 */
        Standing s = standing(a);
        *end++ = (Rank){a, max(s.profit, 0) * s.maintenance, max(a->wallet, 1) * s.equity, s.notional};
    }
    sort(ranking, end);
}
static I cap_of(const Account *a, I gap, I of) { /* ADL-3: gap is that of so many lots */
    I cap = size_of(a->size), room = standing(a).equity - 1, held = cap;
    EACH(b, BRACKETS) {
        I rate = bracket[b].maintenance, lost = MILLION * gap - of * rate * lot_value();
        I above = of * (MILLION * room - rate * held * lot_value() + bracket[b].amount);
        cap = min(cap, lost > 0 ? max(down(above, lost), 0) : above >= lost ? held : 0);
    }
    return cap;
}

/* ---- Resolution (chapters 9 and 11) ---- */
typedef struct { Account *account; I deficit, size, carried; } Bankrupt; /* carried: lots (CLO-2) */
static Bankrupt bankrupt[ACCOUNTS_MAX];
static size_t bankrupts;
#define BANKRUPT(b) for (Bankrupt *b = bankrupt; b < bankrupt + bankrupts; b++)
enum { FUND, TAKER, NOBODY_YET }; /* who bears the gap of lots */

/* INS-1: what the fund has paid in this period, and what it may pay */
static I drawn(const Pool *pool) { return pool->period == now.clock / DRAW_PERIOD ? pool->drawn : 0; }
static I room_of(const Pool *pool) { return max(min(pool->fund, DRAW_LIMIT - drawn(pool)), 0); }

static void draw(Pool *pool, I amount) {
    if (amount) pool->drawn = drawn(pool) + amount, pool->period = now.clock / DRAW_PERIOD;
    pool->fund -= amount;
}
static I left_of(const Bankrupt *b) { return size_of(b->account->size); }

static I close_lots(Bankrupt *b, Account *to, I amount, int bearer) { /* CLO-2 to CLO-4; the lots closed */
    I lots = b->size > 0 ? amount : -amount, value = lots * lot_value(), gap = 0, whole = size_of(b->size);
    if (amount <= 0) return 0;
    if (bearer != NOBODY_YET) { /* a running share (NUM-5) */
        gap = down(b->deficit * (b->carried + amount), whole) - down(b->deficit * b->carried, whole);
        b->carried += amount;
    }
    if (bearer == FUND) draw(&now.pool[b->account->pool], gap);
    to->buys = to->sells = 0;
    deal(b->account, -lots, -value - gap), deal(to, lots, bearer == FUND ? value : value + gap);
    return amount;
}
static I close_holder(Bankrupt *b, Account *a, I most, int bearer) { /* at most what it holds opposite */
    I opposite = b->size > 0 ? -a->size : a->size;
    return close_lots(b, a, min(min(most, opposite), left_of(b)), bearer);
}
static bool can_carry(const Account *backstop, I lots) { /* INS-3 */
    I notional = lots * lot_value();
    Standing with = {.equity = standing(backstop).equity, initial_of(notional), maintenance_of(notional)};
    return carries(with) && notional <= BACKSTOP_MAX;
}
static void close_position(Bankrupt *b, const Ranking others) { /* RES-2 */
    Account *backstop = backstop_of(b->account);
    I room = room_of(&now.pool[b->account->pool]), whole = size_of(b->size);
    I capacity = largest(can_carry, backstop, -1, LOTS_MAX + 1);
    I payable = min(left_of(b), down((room + 1) * whole - 1, b->deficit)); /* INS-2 */
    if (backstop != b->account) { /* INS-4 */
        I held = b->size > 0 ? backstop->size : -backstop->size, most = min(payable, capacity - held);
        if (size_of(held + most) <= capacity) payable -= close_lots(b, backstop, most, FUND);
    }
    RANKED(r, others) payable -= close_holder(b, r->account, payable, FUND);
    RANKED(r, others) close_holder(b, r->account, cap_of(r->account, b->deficit, whole), TAKER); /* ADL-7 */
    RANKED(r, others) close_holder(b, r->account, left_of(b), NOBODY_YET);                       /* ADL-8 */
    ACCOUNTS(a) close_holder(b, a, left_of(b), NOBODY_YET);
}
static I loss_of(size_t p) { /* LOS-1 */
    I loss = 0;
    BANKRUPT(b) if (b->account->pool == p) loss -= b->account->wallet;
    return loss;
}
static I fill(size_t p, I amount) { /* LOS-1: the wallets of those who owe, in order; what is left over */
    BANKRUPT(b) {
        I part = b->account->pool == p ? min(amount, -b->account->wallet) : 0;
        b->account->wallet += part, amount -= part;
    }
    return amount;
}
static void ask_payers(size_t p) { /* LOS-3 to LOS-5; who was bankrupt has no profit any more */
    static Ranking payers;
    Rank *end = payers;
    I total = 0, loss = loss_of(p);
    ACCOUNTS(a) {
        I weight = a->pool == p ? min(standing(a).profit, standing(a).equity) : 0;
        if (weight > 0) total += weight, *end++ = (Rank){a, weight, 1, 0};
    }
    sort(payers, end);
    RANKED(r, payers) {
        I part = min(loss < end - payers ? loss_of(p) : up(loss * r->above, total), r->above);
        r->account->cost += part, to_fund(&now.pool[p], fill(p, part)); /* the surplus */
    }
}
static void resolve(void) { /* INV-1, RES-3: deficits and rankings before anything is closed */
    static Ranking debtors, longs, shorts;
    Rank *end = debtors;
    ACCOUNTS(a) if (standing(a).equity < 0) *end++ = (Rank){a, -standing(a).equity, 1, 0};
    sort(debtors, end), rank(longs, 1), rank(shorts, -1), bankrupts = 0; /* RES-1 */
    RANKED(r, debtors) bankrupt[bankrupts++] = (Bankrupt){r->account, r->above, r->account->size, 0};
    BANKRUPT(b) b->account->buys = b->account->sells = 0; /* CLO-4 */
    BANKRUPT(b) if (left_of(b)) close_position(b, b->size > 0 ? shorts : longs);
    EACH(p, POOLS) {
        I paid = min(loss_of(p), room_of(&now.pool[p])); /* LOS-2 */
        draw(&now.pool[p], paid), fill(p, paid), ask_payers(p);
        now.pool[p].bad_debt += loss_of(p), fill(p, loss_of(p)); /* LOS-6 */
    }
}

/* ---- Events (chapters 5, 7 and 12) ---- */
static I amount_in(const Json *event, const char *key, I least) { /* EVT-2 */
    I value = number(event, key);
    refuse(value < least, "EVT-2 amount_too_small");
    return value;
}
static Account *account_in(const Json *event, const char *key) { /* EVT-3, and so the next two */
    Account *a = find(name(event, key));
    refuse(!a, "EVT-3 unknown_account");
    return a;
}
static void market_in(const Json *event) {
    refuse(!is(name(event, "market"), MARKET), "EVT-3 unknown_market");
}
static Pool *pool_in(const Json *event) {
    size_t p = pool_of(name(event, "pool"));
    refuse(p == POOLS, "EVT-3 unknown_pool");
    return &now.pool[p];
}
static void prices(const Json *marks) { /* PRC-1, PRC-2 */
    MEMBERS(json, marks) refuse(!is(json->key, MARKET), "EVT-3 unknown_market");
    refuse(!marks->first, "PRC-1 no_market_named");
    I price = number(marks, MARKET);
    refuse(price < 1, "PRC-1 price_below_one_tick");
    refuse(price > PRICE_MAX, "PRC-2 price_above_limit");
    now.mark = price;
    resolve();
}
static void funding(I rate) { /* FUN-1 */
    refuse(!now.mark, "TRD-1 no_mark");
    refuse(size_of(rate) > FUNDING_CAP, "FUN-1 rate_above_cap");
    I per_lot = down(rate * lot_value(), MILLION); /* FUN-2 */
    ACCOUNTS(a) a->wallet -= per_lot * a->size;     /* FUN-3 */
    resolve();
}
static void apply(const Json *event) {
    const char *type = name(event, "type");
    I time = number(event, "time");
    refuse(time < now.clock, "EVT-1 time_goes_back");
    now.clock = time;
    if (is(type, "prices")) prices(need(event, "marks", '{'));
    else if (is(type, "funding")) market_in(event), funding(number(event, "rate"));
    else if (is(type, "takeover")) takeover(account_in(event, "account"));
    else if (is(type, "order")) {
        I buys = amount_in(event, "buys", 0), sells = amount_in(event, "sells", 0);
        Account *a = account_in(event, "account");
        market_in(event), refuse(order_refusal(a, buys, sells), order_refusal(a, buys, sells));
        a->buys = buys, a->sells = sells;
    } else if (is(type, "trade")) {
        I lots = amount_in(event, "lots", 1), price = amount_in(event, "price", 1);
        bool buy = is(name(event, "side"), "buy");
        refuse(!buy && !is(name(event, "side"), "sell"), "EVT-2 neither_buy_nor_sell");
        Account *taker = account_in(event, "taker"), *maker = account_in(event, "maker");
        market_in(event), trade(taker, maker, buy ? lots : -lots, price);
    } else if (is(type, "liquidation_fill")) {
        I lots = amount_in(event, "lots", 1), price = amount_in(event, "price", 1);
        Account *a = account_in(event, "account"), *other = account_in(event, "counterparty");
        market_in(event), liquidation_fill(a, other, lots, price);
    } else { /* what is left asks for an amount of money */
        I amount = amount_in(event, "amount", 1);
        if (is(type, "deposit"))
            deposit(name(event, "account"), optional(event, "owner"), optional(event, "pool"), amount);
        else if (is(type, "withdraw")) withdraw(account_in(event, "account"), amount);
        else if (is(type, "fund_deposit")) to_fund(pool_in(event), amount), pay_in(amount); /* FND-2 */
        else if (is(type, "fee_withdrawal")) withdraw_fees(pool_in(event), amount);
        else if (is(type, "transfer")) {
            Account *source = account_in(event, "source"), *target = account_in(event, "target");
            transfer(source, target, amount);
        } else leave("unsupported", "no such event");
    }
}

/* ---- Queries ---- */
static bool survives(const Account *a, I ticks) { /* a move against it */
    return !liquidatable(standing_at(a, now.mark + (a->size > 0 ? -ticks : ticks)));
}
static I liquidation_price(const Account *a) { /* MAR-14; 0 is none */
    I most = a->size > 0 ? now.mark - 1 : PRICE_MAX - now.mark;
    if (!a->size || !survives(a, 0) || survives(a, most)) return 0;
    I ticks = largest(survives, a, 0, most) + 1;
    return now.mark + (a->size > 0 ? -ticks : ticks);
}
static I bankruptcy_price(const Account *a) { /* CLO-5; 0 is none */
    if (!a->size) return 0;
    I ticks = down(standing(a).equity, size_of(a->size) * MULTIPLIER);
    return max(now.mark + (a->size > 0 ? -ticks : ticks), 0);
}
static I withdrawable(const Account *a) { /* the largest that WDR-1 to WDR-4 let go */
    Standing s = standing(a);
    EACH(p, POOLS) if (now.pool[p].bad_debt) return 0;
    return max(min(min(a->wallet, now.custody), s.equity - max(must_stay(s), s.maintenance)), 0);
}
static bool may_buy(const Account *a, I lots) { return !order_refusal(a, lots, a->sells); }
static bool may_sell(const Account *a, I lots) { return !order_refusal(a, a->buys, lots); }

static const char *status_of(Standing s) { /* MAR-11 */
    if (s.equity < 0) return "bankrupt";
    if (!s.maintenance) return "flat";
    return liquidatable(s) ? "liquidatable" : s.equity < s.initial ? "margin_call" : "healthy";
}
static void put_string(const char *text) {
    putchar('"');
    for (; *text; text++)
        if ((unsigned char)*text < 0x20) printf("\\u%04x", (unsigned)*text);
        else printf(strchr("\"\\", *text) ? "\\%c" : "%c", *text);
    putchar('"');
}
static void put_number(I value) { printf("\"%lld\"", (long long)value); } /* every amount of `minimal` fits */
static void put_price(I price) { if (price) put_number(price); else printf("null"); }

static void put_ranking(I sign) {
    static Ranking ranking;
    rank(ranking, sign), putchar('[');
    RANKED(r, ranking) printf(r > ranking ? "," : ""), put_string(r->account->id);
    putchar(']');
}
static struct { const Json *what; const Account *account; const Pool *pool; I side; } question;

static void read_question(const Json *request) {
    const char *account = optional(request, "account"), *market = optional(request, "market");
    const char *pool = optional(request, "pool"), *side = optional(request, "side");
    size_t p = pool ? pool_of(pool) : POOLS;
    question.what = need(request, "what", '[');
    question.account = account ? find(account) : NULL;
    question.pool = p < POOLS ? &now.pool[p] : NULL;
    question.side = !side ? 0 : is(side, "buy") ? 1 : is(side, "sell") ? -1 : 0;
    fail((account && !question.account) || (pool && !question.pool) || (side && !question.side)
        || (market && !is(market, MARKET)), "no such account, market, side or pool");
    MEMBERS(what, question.what) fail(what->kind != '"', "a question that is no string");
}
static void put_answer(const char *what) {
    const Account *a = question.account;
    const Pool *pool = question.pool;
    Standing s = a ? standing(a) : (Standing){0};
    if (a && is(what, "wallet")) put_number(a->wallet);
    else if (a && is(what, "equity")) put_number(s.equity);
    else if (a && is(what, "margin_initial")) put_number(s.initial);
    else if (a && is(what, "margin_maintenance")) put_number(s.maintenance);
    else if (a && is(what, "status")) put_string(status_of(s));
    else if (a && is(what, "position")) put_number(a->size);
    else if (a && is(what, "price_liquidation")) put_price(liquidation_price(a));
    else if (a && is(what, "price_bankruptcy")) put_price(bankruptcy_price(a));
    else if (a && is(what, "withdrawable")) put_number(withdrawable(a));
    else if (a && question.side && is(what, "order_max"))
        put_number(largest(question.side > 0 ? may_buy : may_sell, a, 0, 2 * LOTS_MAX + 1));
    else if (question.side && is(what, "ranking")) put_ranking(question.side);
    else if (pool && is(what, "fund")) put_number(pool->fund);
    else if (pool && is(what, "bad_debt")) put_number(pool->bad_debt);
    else if (pool && is(what, "fee_pool")) put_number(pool->fees);
    else printf("{\"unsupported\":\"no such question, or it does not say about whom\"}");
}

/* ---- The protocol ---- */
static const char rules[] =
    "NUM-1 NUM-2 NUM-3 NUM-5 NUM-6 ACC-1 ACC-2 PST-1 PST-2 PST-3 MAR-1 MAR-2 MAR-3 MAR-5 MAR-6 MAR-7 "
    "MAR-8 MAR-9 MAR-10 MAR-11 MAR-13 MAR-14 ORD-1 ORD-2 TRD-1 TRD-2 TRD-4 TRD-5 TRD-6 TRD-7 FEE-1 "
    "FEE-2 FEE-3 LIM-1 LIM-3 LIM-4 FUN-1 FUN-2 FUN-3 DEP-1 DEP-2 FND-1 FND-2 WDR-1 WDR-2 WDR-3 "
    "WDR-4 TRF-1 TRF-2 PRC-1 PRC-2 LIQ-1 LIQ-2 LIQ-3 LIQ-4 LIQ-5 LIQ-6 RST-1 RST-2 CLO-1 CLO-2 CLO-3 "
    "CLO-4 CLO-5 INS-1 INS-2 INS-3 INS-4 TKO-1 TKO-2 TKO-3 TKO-4 ADL-1 ADL-2 ADL-3 ADL-4 ADL-7 ADL-8 "
    "INV-1 RES-1 RES-2 RES-3 LOS-1 LOS-2 LOS-3 LOS-4 LOS-5 LOS-6 EVT-1 EVT-2 EVT-3";

static void load(const Json *venue) {
    loaded = false;
    ACCOUNTS(a) free(a->id), free(a->owner);
    now = (struct Venue){0};
    if (!is(name(venue, "policy"), POLICY)) leave("unsupported", "another policy than `minimal`");
    now.clock = number(venue, "clock"), now.custody = number(venue, "custody");
    const Json *marks = need(venue, "marks", '{'), *documents = need(venue, "pools", '{');
    if (get(marks, MARKET, '"')) now.mark = number(marks, MARKET);
    EACH(p, POOLS) {
        const Json *pool = need(documents, pools[p], '{');
        now.pool[p] = (Pool){number(pool, "fund"), number(pool, "fee_pool"), number(pool, "bad_debt"),
            number(pool, "draw_period"), number(pool, "drawn")};
    }
    MEMBERS(json, need(venue, "accounts", '{')) {
        size_t p = pool_of(name(json, "pool"));
        fail(p == POOLS || find(json->key), "an unknown pool, or an account that stands twice");
        Account *a = open_account(json->key, name(json, "owner"), p);
        const Json *held = get(need(json, "positions", '{'), MARKET, '{');
        const Json *open = get(need(json, "orders", '{'), MARKET, '{');
        a->wallet = number(json, "wallet");
        if (held) a->size = number(held, "size"), a->cost = number(held, "cost");
        if (open) a->buys = number(open, "buys"), a->sells = number(open, "sells");
    }
    fail(!find(backstops[CROSS]) || !find(backstops[ISOLATED]), "a pool without a backstop");
    loaded = true;
}
static long long seq; /* of the request; below 0 if it has none */

__attribute__((noinline)) static const char *perform(const char *line, size_t size) {
    const Json *request = read_json(0), *word = get(request, "seq", 'w');
    if (word && strspn(word->text, "0123456789")) seq = strtoll(word->text, NULL, 10);
    fail(next() || at != line + size, "more than one JSON value in a line");
    const char *task = name(request, "do");
    if (is(task, "hello") || is(task, "bye")) return task;
    if (is(task, "load")) load(need(request, "venue", '{'));
    fail(!loaded, "nothing is loaded");
    if (is(task, "apply")) apply(need(request, "event", '{'));
    else if (is(task, "query")) read_question(request);
    else fail(!is(task, "load"), "no such request");
    kept = now;
    return task;
}
static const char *attempt(const char *line, size_t size) { /* what has not been done has changed nothing */
    if (!setjmp(back)) return perform(line, size);
    if (loaded) now = kept;
    return "";
}
static void put_reply(const char *task) {
    bool refused = is(outcome, "refused");
    if (is(task, "hello")) {
        printf(",\"engine\":\"c_example\",\"version\":\"2\",\"protocol\":\"1\",\"policies\":[\"minimal\"]");
        printf(",\"domain\":\"999999999999999999\",\"rules\":[\"");
        for (const char *c = rules; *c; c++) printf(*c == ' ' ? "\",\"" : "%c", *c);
        printf("\"]");
    } else if (is(task, "query")) {
        MEMBERS(what, question.what)
            putchar(','), put_string(what->text), putchar(':'), put_answer(what->text);
    } else if (!is(task, "bye")) {
        printf(",\"outcome\":\"%s\"", outcome);
        if (refused) printf(",\"rule\":\"%.*s\"", (int)strcspn(why, " "), why);
        if (why) printf(",\"reason\":\"%s\"", refused ? strchr(why, ' ') + 1 : why);
    }
}
int main(void) {
    Json *nodes = NULL;
    char *line = NULL;
    const char *task = "";
    size_t room = 0;
    ssize_t size;
    while (!is(task, "bye") && (size = getline(&line, &room, stdin)) > 0) {
        nodes = realloc(nodes, ((size_t)size + 1) * sizeof *nodes);
        if (!nodes) abort();
        node = nodes, at = line, seq = -1, outcome = "accepted", why = NULL;
        task = attempt(line, (size_t)size);
        if (seq < 0) printf("{\"seq\":null"); else printf("{\"seq\":%lld", seq);
        put_reply(task);
        printf("}\n"), fflush(stdout);
    }
    free(line), free(nodes);
}
