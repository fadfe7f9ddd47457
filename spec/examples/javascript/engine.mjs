// A margin engine for the conformance protocol (spec/protocol.md), written from the chapters of spec/ alone.
// It answers hello, load, query and bye. Amounts are BigInt; nothing is rounded but where a rule says so.

const RULES = `NUM-1 NUM-3 NUM-4 NUM-5 NUM-6 ACC-1 ACC-2 MAR-1 MAR-2 MAR-3 MAR-4 MAR-5 MAR-6 MAR-7 MAR-8 MAR-9
  MAR-10 MAR-11 MAR-13 MAR-14 CLO-1 CLO-5 ADL-1 ADL-2 ORD-1 ORD-2 TRD-1 TRD-3 TRD-6 LIM-1 LIM-2 WDR-1 WDR-2
  WDR-3 WDR-4 FND-1`.split(/\s+/);
const HELLO = { engine: "javascript", version: "1.0", protocol: "1", requests: ["query"], rules: RULES };
const PPM = 1_000_000n;
const UTF8 = new TextDecoder("utf-8", { fatal: true });

// ---- Whole numbers: chapter 1 ----
const abs = (n) => (n < 0n ? -n : n);
const max = (a, b) => (a > b ? a : b);
const min = (a, b) => (a < b ? a : b);
const sum = (items, amount) => items.reduce((total, item) => total + amount(item), 0n);
const floorDiv = (n, by) => n / by - (n % by < 0n ? 1n : 0n);   // NUM-3; BigInt cuts off towards zero
const ceilDiv = (n, by) => -floorDiv(-n, by);   // NUM-1

function largest(limit, holds) {   // NUM-6
  let low = 0n, high = limit;
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (holds(middle)) low = middle; else high = middle - 1n;
  }
  return low;
}

function ceilSqrt(n) {   // NUM-4
  const down = largest(1n << BigInt(n.toString(4).length), (r) => r * r <= n);
  return down * down === n ? down : down + 1n;
}

// ---- Documents: EVT-4 ----
class Unsupported extends Error {}   // answered as such; any other Error is answered as an error
const orThrow = (Kind) => (holds, value, why) => { if (!holds) throw new Kind(why); return value; };
const checked = orThrow(Error), supported = orThrow(Unsupported);
const inOrder = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));   // the order of identifiers
const text = (value, at) => checked(typeof value === "string", value, `${at}: no text`);
const whole = (value, at) =>
  BigInt(checked(/^(0|-?[1-9][0-9]{0,39})$/.test(text(value, at)), value, `${at}: no whole number`));
const object = (value, at) =>
  checked(value !== null && typeof value === "object" && !Array.isArray(value), value, `${at}: no object`);
const listOf = (read) => (value, at) =>
  checked(Array.isArray(value), value, `${at}: no list`).map((item) => read(item, at));
const mapOf = (read) => (value, at) => new Map(   // in a Map any text is a name, also __proto__
  Object.entries(object(value, at)).map(([name, item]) => [name, read(item, `${at} ${name}`)]));
const record = (fields) => (value, at) => Object.fromEntries(
  Object.entries(fields).map(([name, read]) => [name, read(object(value, at)[name], `${at} ${name}`)]));
const oneOf = (...known) => (value, at) =>
  supported(known.includes(text(value, at)), value, `${at}: ${value}`);
const readSchedule = record({ kind: oneOf("bracket", "whole", "sqrt"), base: whole, factor: whole,
  tiers: listOf(record({ floor: whole, rise: whole })) });
const readMarket = record({ multiplier: whole, price_max: whole, size_max: whole, initial: readSchedule,
  maintenance: readSchedule });
const readPolicy = record({ trigger: oneOf("below", "at_or_below"), markets: mapOf(readMarket),
  transfer_rate: whole, positions_max: whole, bad_debt_gate: oneOf("refuse", "up_to_custody"),
  adl_ranking: oneOf("binance", "bybit", "hyperliquid") });
const readAccount = record({ pool: text, wallet: whole, orders: mapOf(record({ buys: whole, sells: whole })),
  positions: mapOf(record({ size: whole, cost: whole })) });
const readVenue = record({ custody: whole, marks: mapOf(whole), accounts: mapOf(readAccount),
  pools: mapOf(record({ fund: whole, fee_pool: whole, bad_debt: whole })) });

let policy = null, venue = null;
function load(request) {
  venue = null;   // what was there before is forgotten
  policy = readPolicy(request.policy, "policy");
  const read = readVenue(request.venue, "venue");
  for (const [id, account] of read.accounts) {
    account.held = [...account.positions.keys()].sort(inOrder);
    account.markets = [...new Set([...account.held, ...account.orders.keys()])];
    for (const market of account.markets) checked(read.marks.has(market), 0, `${id} ${market}: no mark`);
  }
  venue = read;
  return { outcome: "accepted" };
}

// ---- Margin: chapters 2 and 3 ----
const termsOf = (market) => policy.markets.get(market);
const sizeOf = (account, market) => account.positions.get(market)?.size ?? 0n;
const ordersOf = (account, market) => account.orders.get(market) ?? { buys: 0n, sells: 0n };
const lotValue = (market) => venue.marks.get(market) * termsOf(market).multiplier;
const valueOf = (account, market) => sizeOf(account, market) * lotValue(market);   // ACC-1
const equity = (account) =>   // ACC-2
  account.wallet + sum([...account.positions], ([market, { size, cost }]) => size * lotValue(market) - cost);

/** MAR-2 to MAR-4 as lines (MAR-13): rate x notional - amount, above a floor. The highest is required. */
function linesOf({ kind, tiers, base, factor }, lots) {
  if (kind === "sqrt") return [{ rate: max(base, ceilSqrt(factor * factor * lots)), amount: 0n, above: 0n }];
  let rate = 0n, amount = 0n;
  return tiers.map(({ floor, rise }) => {
    rate += rise;
    amount += floor * rise;
    return kind === "whole" ? { rate, amount: 0n, above: floor } : { rate, amount, above: 0n };
  });
}

function requirement(schedule, market, lots) {   // MAR-5
  const notional = lots * lotValue(market);   // MAR-1
  const lines = linesOf(schedule, lots).filter(({ above }) => notional > above);
  return ceilDiv(lines.map(({ rate, amount }) => rate * notional - amount).reduce(max, 0n), PPM);
}

const maintenance = (account, markets = account.held) => sum(markets, (market) =>   // MAR-7
  requirement(termsOf(market).maintenance, market, abs(sizeOf(account, market))));
const lotsAtRisk = (account, market, { buys, sells }) =>   // MAR-6
  max(abs(sizeOf(account, market) + buys), abs(sizeOf(account, market) - sells));
const initialIn = (account, market, orders = ordersOf(account, market)) =>
  requirement(termsOf(market).initial, market, lotsAtRisk(account, market, orders));
const initial = (account) => sum(account.markets, (market) => initialIn(account, market));   // MAR-8

/** MAR-9. A maintenance margin of 0 is that of no position: any position needs a quantum at least. */
const inDanger = (left, margin) => margin > 0n && left < margin + (policy.trigger === "below" ? 0n : 1n);
const liquidatable = (account) => inDanger(equity(account), maintenance(account));

function status(account) {   // MAR-11
  if (equity(account) < 0n) return "bankrupt";
  if (account.held.length === 0) return "flat";
  if (liquidatable(account)) return "liquidatable";
  return equity(account) < initial(account) ? "margin_call" : "healthy";
}

/** MAR-14. Of whole numbers, E < ceil(x) exactly if E < x, and E <= ceil(x) exactly if E - 1 < x. So the
    rounding drops out: liquidatable at a price means a + b x price < 0 for a line above its floor. */
function liquidationPrice(account, market) {
  const size = sizeOf(account, market), lots = abs(size), mark = venue.marks.get(market);
  if (size === 0n || liquidatable(account)) return null;
  const { multiplier, maintenance: schedule, price_max } = termsOf(market);
  const others = maintenance(account, account.held.filter((other) => other !== market));
  const room = equity(account) - valueOf(account, market) - others - (policy.trigger === "below" ? 0n : 1n);
  const prices = linesOf(schedule, lots).map(({ rate, amount, above }) => {
    const a = PPM * room + amount, b = (PPM * size - rate * lots) * multiplier;
    const floor = above / (lots * multiplier);
    if (size < 0n) return max(max(floor, mark), floorDiv(a, -b)) + 1n;   // the lowest, above the mark
    const highest = b > 0n ? min(mark, ceilDiv(-a, b)) - 1n : 0n;   // b = 0: as at the mark
    return highest > floor ? highest : 0n;
  }).filter((price) => price > 0n && price <= price_max);
  return prices.length > 0 ? prices.reduce(size > 0n ? max : min) : null;
}

function bankruptcyPrice(account, market) {   // CLO-5
  const size = sizeOf(account, market), owed = equity(account);
  if (size === 0n) return null;
  const before = maintenance(account, account.held.slice(0, account.held.indexOf(market)));
  const running = (margin) => floorDiv(abs(owed) * margin, maintenance(account));   // NUM-5
  const share = running(before + maintenance(account, [market])) - running(before);   // CLO-1, of what is missing too
  const ticks = floorDiv(owed < 0n ? -share : share, abs(size) * termsOf(market).multiplier);
  const price = venue.marks.get(market) + (size > 0n ? -ticks : ticks);
  return price > 0n ? price : null;
}

// ---- What would be accepted, and who comes first: chapters 4, 6 and 10 ----
function withdrawable(account) {
  const indebted = [...venue.pools.values()].some(({ bad_debt }) => bad_debt > 0n);
  if (indebted && policy.bad_debt_gate === "refuse") return 0n;   // WDR-1
  const left = equity(account), margin = maintenance(account);
  const notional = sum(account.held, (market) => abs(valueOf(account, market)));
  const required = max(initial(account), ceilDiv(notional * policy.transfer_rate, PPM));   // WDR-3
  return largest(min(account.wallet, venue.custody), (amount) =>   // WDR-2, WDR-4
    left - amount >= required && !inDanger(left - amount, margin));
}

function orderMax(id, account, market, side) {   // ORD-1; asked before it: ORD-2, TRD-1, TRD-3, LIM-2
  if (id === `backstop:${account.pool}` || !venue.marks.has(market)) return 0n;
  if (account.pool !== "cross" && account.pool !== market) return 0n;
  if (account.markets.length >= policy.positions_max && !account.markets.includes(market)) return 0n;
  const left = equity(account), before = initial(account), here = initialIn(account, market);
  const { size_max } = termsOf(market), free = !liquidatable(account);
  return largest(size_max + abs(sizeOf(account, market)), (total) => {
    const orders = { ...ordersOf(account, market), [side === "buy" ? "buys" : "sells"]: total };
    const after = before - here + initialIn(account, market, orders);
    return lotsAtRisk(account, market, orders) <= size_max   // LIM-1
      && (after <= before || (left >= after && free));   // MAR-10
  });
}

function score(account, market) {   // ADL-1: a numerator and a denominator
  const value = valueOf(account, market), { cost } = account.positions.get(market), left = equity(account);
  const profit = value - cost, worth = abs(value), paid = max(abs(cost), 1n);
  return {
    binance: [max(profit, 0n) * maintenance(account), max(account.wallet, 1n) * left],
    bybit: profit > 0n ? [profit * worth, paid * left] : [profit * left, paid * worth],
    hyperliquid: value > 0n ? [worth * worth, paid * left] : [paid * worth, worth * left],
  }[policy.adl_ranking];
}

function ranking(market, side) {   // ADL-2
  const sign = (n) => (n > 0n ? 1 : n < 0n ? -1 : 0), wanted = side === "buy" ? 1 : -1;
  return [...venue.accounts]
    .filter(([, account]) => sign(sizeOf(account, market)) === wanted && !liquidatable(account))
    .map(([id, account]) => ({ id, score: score(account, market), lots: abs(sizeOf(account, market)) }))
    .sort((one, other) => sign(other.score[0] * one.score[1] - one.score[0] * other.score[1])
      || sign(other.lots - one.lots) || inOrder(one.id, other.id)).map(({ id }) => id);
}

// ---- The protocol ----
const ANSWERS = new Map(Object.entries({
  wallet: (of) => of.account.wallet, equity: (of) => equity(of.account), status: (of) => status(of.account),
  margin_initial: (of) => initial(of.account), margin_maintenance: (of) => maintenance(of.account),
  position: (of) => sizeOf(of.account, of.market), withdrawable: (of) => withdrawable(of.account),
  price_liquidation: (of) => liquidationPrice(of.account, of.market),
  price_bankruptcy: (of) => bankruptcyPrice(of.account, of.market),
  order_max: (of) => orderMax(of.id, of.account, of.market, of.side),
  ranking: (of) => ranking(of.market, of.side), fund: (of) => of.pool.fund,
  bad_debt: (of) => of.pool.bad_debt, fee_pool: (of) => of.pool.fee_pool,
}));

function query(request) {
  checked(venue !== null, 0, "nothing is loaded");
  const known = (things, key) =>
    checked(things.has(text(request[key], key)), things.get(request[key]), `no such ${key}`);
  const of = { id: request.account, get account() { return known(venue.accounts, "account"); },
    get market() { return known(policy.markets, "market") && request.market; },
    get side() { return checked(/^(buy|sell)$/.test(request.side), request.side, "no such side"); },
    get pool() { return known(venue.pools, "pool"); } };
  return Object.fromEntries(listOf(text)(request.what, "what").map((what) => {
    try {
      return [what, supported(ANSWERS.has(what), ANSWERS.get(what), "no such query")(of)];
    } catch (error) {
      if (error instanceof Unsupported) return [what, { unsupported: error.message }];
      throw error;
    }
  }));
}

const REQUESTS = new Map(Object.entries({ hello: () => HELLO, load, query,
  apply: () => ({ outcome: "unsupported", reason: "this engine answers queries only" }),
  bye: () => { process.stdin.destroy(); return {}; } }));   // without an input the process ends by itself

function handle(line) {
  let seq = null, answer;
  try {
    const request = object(JSON.parse(UTF8.decode(Buffer.from(line, "latin1"))), "request");
    seq = checked(Number.isSafeInteger(request.seq), request.seq, "seq: no whole number");
    answer = checked(REQUESTS.has(request.do), REQUESTS.get(request.do), "no such request")(request);
  } catch (error) {
    const outcome = error instanceof Unsupported ? "unsupported" : "error";
    answer = { outcome, reason: String(error.message).slice(0, 500) };
  }
  const plain = (_, value) => (typeof value === "bigint" ? value.toString() : value);
  process.stdout.write(`${JSON.stringify({ ...answer, seq }, plain)}\n`);
}

// A line ends with a line feed. (The readline of Node also ends one at U+2028, which may stand in a name.)
const parts = [];
process.stdin.setEncoding("latin1").on("data", (chunk) => chunk.split("\n").forEach((piece, index) => {
  if (index > 0) handle(parts.splice(0).join(""));
  parts.push(piece);
})).on("end", () => parts.join("") && handle(parts.join("")));
process.stdout.on("error", () => process.exit(1));
