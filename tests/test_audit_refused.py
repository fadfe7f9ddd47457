"""marginspec/audit, refusing. Goal: a log that cannot be read says where and why in a sentence, what stands
before that place is audited, and nothing is made up for what is missing.
Method: lines and columns with one fault each, single bits flipped, files cut off, numbers at the edge.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marginspec.audit.columnar import KEY, schema_of
from marginspec.audit.command import open_log
from marginspec.audit.errors import LogError
from marginspec.audit.header import header_of, policy_of
from marginspec.audit.writing import write_log
from marginspec.evidence import Evidence
from marginspec.policy_file import read_policy
from refmodel.events import Deposit, Order, Prices, Trade, Withdraw
from tests.logs import (
    FORMS,
    IDENTITY,
    audited,
    changed,
    drawn_history,
    first_line,
    lines_of,
    refusal,
    write_lines,
    write_logs,
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return write_logs(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def log(logs):
    return logs / "log.jsonl"


# Logs that cannot be read


HEADERS = [
    (lambda header: b"", "line 1 (byte 0) has no end"),
    (lambda header: b"{'format'}\n", "line 1 (byte 0) is no header"),
    (lambda header: header.replace(b"log/1", b"log/0"), "is 'marginspec-log/0', which is not read here"),
    (lambda header: header.replace(b'"law":"marginspec-law/1",', b""), "law is missing"),
    (lambda header: header.replace(b'"fee_taker":"500"', b'"fee_taker":"501"'), "does not have its checksum"),
]


@pytest.mark.parametrize(("change", "said"), HEADERS, ids=[said for _, said in HEADERS])
def test_a_header_that_cannot_be_read_is_refused(log, tmp_path, change, said):
    header, rest = log.read_bytes().split(b"\n", 1)
    path = tmp_path / "bad.jsonl"
    path.write_bytes(change(header + b"\n") + (rest if said.startswith("law") else b""))
    assert said in refusal(path).text()


def test_a_log_of_another_policy_is_refused(log):
    reader = open_log(str(log))
    with pytest.raises(LogError, match="and the digest of minimal is sha256:"):
        policy_of(reader.header, "minimal", str(log))


def test_a_log_that_names_a_policy_nobody_has_is_refused(log, tmp_path):
    def strange(header):
        del header["terms"]
        header["policy"] = "sha256:" + "1" * 64

    assert "--policy" in refusal(changed(log, tmp_path / "bad.jsonl", 1, strange)).text()


def test_the_policy_of_a_log_may_be_one_that_ships(tmp_path):
    events = [Deposit(0, "a1", 5, "alice", "cross")]
    write_log(tmp_path / "log.jsonl", read_policy("minimal"), events)
    short = changed(tmp_path / "log.jsonl", tmp_path / "short.jsonl", 1, lambda header: header.pop("terms"))
    assert audited(short).counts.events == 1


def test_a_torn_last_line_is_refused_and_the_rest_goes_on_from_there(log, tmp_path):
    whole = log.read_bytes()
    cut = whole.index(b"\n", len(whole) // 2) - 7
    path = tmp_path / "growing.jsonl"
    path.write_bytes(whole[:cut])
    line, start = whole.count(b"\n", 0, cut) + 1, whole.rindex(b"\n", 0, cut) + 1
    with Evidence.open(tmp_path / "evidence.sqlite", "audit", IDENTITY) as evidence:
        stopped = audited(path, evidence=evidence).stopped
        assert f"line {line:_} (byte {start:_}) ends after {cut - start:_} bytes" in stopped.text()
        path.write_bytes(whole)
        found = audited(path, evidence=evidence)
    assert found.resumed > 300 and found.counts == audited(log).counts
    assert (found.stopped, found.findings, found.digest) == (None, (), audited(log).digest)


def test_a_flipped_bit_is_refused_with_its_line_and_byte(log, tmp_path):
    whole = log.read_bytes()
    draw = random.Random(1)
    header = whole.index(b"\n") + 1
    for _ in range(60):
        at, bit = draw.randrange(header, len(whole)), 1 << draw.randrange(8)
        start = whole.rindex(b"\n", 0, at) + 1
        path = tmp_path / "flipped.jsonl"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        stopped = refusal(path)
        number = whole.count(b"\n", 0, start) + 1
        assert f"line {number:_} (byte {start:_})" in stopped.text()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "line 3 (byte {}) cannot be read"),
        (b"[]", "line 3 (byte {}) cannot be read"),
        (b'{"event":{"type":"deposit","time":"0"}}', "missing required field `account`"),
        (b'{"event":{"type":"dposit","time":"0","account":"a","amount":"1"}}', "Invalid value 'dposit'"),
        (b'{"event":{"type":"deposit","time":0,"account":"a","amount":"1"}}', "Expected `str`, got `int`"),
        (
            b'{"event":{"type":"deposit","time":"1.5","account":"a","amount":"1"}}',
            "not written as a whole one",
        ),
        (
            b'{"event":{"type":"deposit","time":"","account":"a","amount":"1"}}',
            "line 3 (byte {}) cannot be read",
        ),
        (
            b'{"event":{"type":"deposit","time":"0","account":"a","amount":"9223372036854775808"}}',
            "no whole number of 64 bits",
        ),
        (b'{"event":{"type":"deposit","time":"0","account":"","amount":"1"}}', "length >= 1"),
        (b'{"checkpoint":"1"}', "says that 1 events stand before it, and there are 0"),
        (b'{"digest":"sha256:0"}', "neither an event nor a checkpoint"),
        (b'{"event":{"type":"takeover","time":"0","account":"a"},"postings":[["x"]]}', "4 or 5 members"),
        (b'{"event":{"type":"takeover","time":"0","account":"a"},"more":1}', "unknown field `more`"),
        (b"\xff", "line 3 (byte {}) cannot be read"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(tmp_path, line, said):
    header = header_of(read_policy("minimal")).text().encode()
    checkpoint = b'{"checkpoint":"0"}'
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join([header, checkpoint, line, checkpoint, b""]))
    assert said.format(f"{len(header) + len(checkpoint) + 2:_}") in refusal(path).text()


def test_missing_lines_are_noticed_at_the_next_checkpoint(log, tmp_path):
    lines = lines_of(log)
    number = first_line(log, lambda line: "checkpoint" in line)
    # A refused event changes nothing, so no digest misses it.
    gone = first_line(log, lambda line: "refused" in line)
    del lines[gone - 1]
    stopped = refusal(write_lines(tmp_path / "short.jsonl", lines))
    assert f"line {number - 1} says that 200 events stand before it, and there are 199" in stopped.text()


def test_a_compressed_log_that_is_cut_off_or_damaged_is_refused(logs, tmp_path):
    packed = (logs / "log.jsonl.gz").read_bytes()
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(packed[: len(packed) // 2])
    assert "of the text" in refusal(path).text() and "cut off" in refusal(path).text()
    path.write_bytes(packed[:-5] + bytes([packed[-5] ^ 1]) + packed[-4:])
    assert "damaged" in refusal(path).text()


def test_numbers_at_the_edge_are_refused_as_the_law_refuses_them(tmp_path):
    policy = read_policy("minimal")
    least = -(2**63)
    events = [
        Deposit(0, "a1", least, "alice", "cross"),
        Deposit(0, "a1", 10**9, "alice", "cross"),
        Order(0, "a1", "BTC-PERP", -1, 0),
        Trade(0, "BTC-PERP", "a1", "a1", "buy", -5, 60_000),
        Withdraw(0, "a1", least),
        Prices(0, {"BTC-PERP": least}),
    ]
    for name in FORMS:
        write_log(tmp_path / name, policy, events, machine="reference")
        found = audited(tmp_path / name)
        assert (found.findings, found.counts.refused) == ((), {"EVT-2": 4, "PRC-1": 1})


def test_an_event_outside_the_domain_stops_the_engine_and_not_the_reference(tmp_path):
    policy = read_policy("minimal")
    events = [Deposit(0, "a1", 10**6, "alice", "cross"), Deposit(0, "a1", 2**62 + 1), Deposit(0, "a1", 7)]
    for name in FORMS:
        path = tmp_path / name
        write_log(path, policy, events, machine="reference")
        with Evidence.open(tmp_path / f"{name}.sqlite", "audit", IDENTITY) as evidence:
            found = audited(path, evidence=evidence)
            assert found.counts.events == 1, "what stands before it is applied and counted"
            assert "event 2, cannot be computed: amount is 4611686018427387905" in found.stopped.text()
            assert "--against reference goes on" in found.stopped.text()
            again = audited(path, evidence=evidence)
            assert (again.counts, again.stopped.text()) == (found.counts, found.stopped.text())
        assert audited(path, "reference").stopped is None


# Columns that cannot be read


def rewritten(source: Path, target: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    """A log in columns with its table changed."""
    table = pq.read_table(source)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), target)
    return target


def with_column(name: str, values: list[Any], kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        column = pa.array((values * len(table))[: len(table)], kind)
        return table.set_column(table.column_names.index(name), name, column)

    return change


COLUMNS = [
    (lambda table: table.drop_columns(["time"]), "column time is missing"),
    (with_column("x", [1.5], pa.float64()), "column x has the type double, and int64 is read"),
    (with_column("account", [1], pa.int64()), "column account has the type int64, and int32 is read"),
    (with_column("type", [3], pa.int8()), "column type has the type int8, and string is read"),
    (with_column("posting_amount", [1], pa.int64()), "column posting_amount has the type int64, and list"),
    (with_column("type", ["deposit", "gift"], pa.string()), "row 2 has no type of an event"),
    (with_column("time", [None], pa.int64()), "the column `time` has a row without a number"),
    (with_column("account", [10**6], pa.int32()), "has the number 1000000, and `names` has no such name yet"),
    (with_column("account", [-2], pa.int32()), "has the number -2, and `names` has no such name yet"),
    (with_column("posting_second", [[1]], pa.list_(pa.int64())), "`posting_second` differ in length"),
    (with_column("mark_price", [[1]], pa.list_(pa.int64())), "`mark_price` differ in length"),
    (with_column("names", [["n" * 201]], pa.list_(pa.string())), "a name has more than 200 characters"),
]


@pytest.mark.parametrize(("change", "said"), COLUMNS, ids=[said for _, said in COLUMNS])
def test_columns_that_cannot_be_read_say_why(logs, tmp_path, change, said):
    stopped = refusal(rewritten(logs / "log.parquet", tmp_path / "bad.parquet", change))
    assert said in stopped.text()


def test_a_parquet_file_that_another_tool_writes_is_read(logs, tmp_path):
    """Plain texts, lists that may be missing, other row groups, and no statistics."""
    table = pq.read_table(logs / "log.parquet")
    for number, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(pa.large_string()))
        elif pa.types.is_list(field.type) and pa.types.is_dictionary(field.type.value_type):
            table = table.set_column(number, field.name, table.column(number).cast(pa.list_(pa.string())))
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=97, compression="snappy")
    assert audited(tmp_path / "log.parquet").counts == audited(logs / "log.parquet").counts


def test_a_parquet_file_that_is_no_log_is_refused(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    assert "it is no log" in refusal(tmp_path / "other.parquet").text()


def test_a_parquet_file_that_is_cut_off_is_refused(logs, tmp_path):
    whole = (logs / "log.parquet").read_bytes()
    (tmp_path / "log.parquet").write_bytes(whole[:-100])
    assert "is not a Parquet file that can be read" in refusal(tmp_path / "log.parquet").text()


def test_a_flipped_bit_in_columns_is_refused_or_changes_nothing(logs, tmp_path):
    """Pages and the header have checksums; of the rest of the footer, much is read by nobody."""
    whole = (logs / "log.parquet").read_bytes()
    sound = audited(logs / "log.parquet")
    draw = random.Random(1)
    refused = named = 0
    for _ in range(60):
        at, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        path = tmp_path / "flipped.parquet"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        try:
            found = audited(path)
        except LogError:
            refused += 1
            continue
        refused += found.stopped is not None
        named += found.stopped is not None and "from byte" in found.stopped.text()
        assert found.stopped is not None or (found.counts, found.digest) == (sound.counts, sound.digest)
    assert refused > 30 and named > 10


def test_marks_in_any_order_are_read_and_twice_the_same_is_refused(tmp_path):
    policy, _ = drawn_history(1, "marks")
    first, second = sorted(policy.markets)[:2]
    marks = {first: 100, second: 200}
    write_log(tmp_path / "log.parquet", policy, [Prices(0, marks)])

    def in_order_of(*markets: str) -> Callable[[pa.Table], pa.Table]:
        return with_column("mark_market", [list(markets)], pa.list_(pa.string()))

    turned = rewritten(tmp_path / "log.parquet", tmp_path / "turned.parquet", in_order_of(second, first))
    found = audited(turned)
    assert found.findings[0]["ours"] == f"mark PRC-1 {first} 200", "the prices are in the other order now"
    twice = rewritten(tmp_path / "log.parquet", tmp_path / "twice.parquet", in_order_of(first, first))
    assert "two marks of one market" in refusal(twice).text()


def test_the_schema_of_the_columns_is_what_files_have(logs):
    assert pq.read_schema(logs / "log.parquet").equals(schema_of(pa, postings=True))
    assert KEY in pq.read_schema(logs / "log.parquet").metadata
