"""The embedded ClickHouse through its stock client: what works, what each user may do, and what it refuses."""

import gzip
import io
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import clickhouse_connect
import fastavro
import lz4.frame  # type: ignore[import-untyped]
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, ProgrammingError, StreamFailureError

from streams.settings import Settings

_ROW = b'{"a": 7, "b": "seven"}\n'


@pytest.fixture
def sink(stack: Settings) -> Iterator[Client]:
    """A client of the user that writes, with an empty table `t`."""
    client = clickhouse_connect.get_client(**stack.clickhouse("sink"))
    client.command(
        "CREATE OR REPLACE TABLE t (a Int64, b Nullable(String)) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    yield client
    client.close()


@pytest.fixture
def reader(stack: Settings) -> Iterator[Client]:
    """A client of the user that only reads."""
    client = clickhouse_connect.get_client(**stack.clickhouse("reader"))
    yield client
    client.close()


def _avro(rows: range) -> bytes:
    schema = {
        "type": "record",
        "name": "row",
        "fields": [{"name": "a", "type": "long"}, {"name": "b", "type": ["null", "string"]}],
    }
    file = io.BytesIO()
    fastavro.writer(file, schema, ({"a": a, "b": None if a % 2 else str(a)} for a in rows))
    return file.getvalue()


def test_queries_parameters_and_settings(sink: Client) -> None:
    sink.insert("t", [[1, "x"], [2, None]], column_names=["a", "b"])
    assert sink.query("SELECT * FROM t ORDER BY a").result_rows == [(1, "x"), (2, None)]
    text = "it's\n\\ a \t tab"
    assert sink.query("SELECT {s:String}, {n:Int8}", parameters={"s": text, "n": -3}).result_rows == [(text, -3)]
    assert sink.query("SELECT length({s:String})", parameters={"s": "z" * 50_000}).result_rows == [(50_000,)]
    assert sink.query("SELECT getSetting('max_threads')", settings={"max_threads": 3}).result_rows == [(3,)]
    assert sink.query("SELECT a, b FROM t WHERE a > 5").column_names == ("a", "b")
    assert sink.query_arrow("SELECT a FROM t").num_rows == 2


@pytest.mark.parametrize(
    ("block", "encoding"), [(_ROW, None), (lz4.frame.compress(_ROW) * 2, "lz4"), (gzip.compress(_ROW, mtime=0), "gzip")]
)
def test_raw_inserts_plain_and_compressed(sink: Client, block: bytes, encoding: str | None) -> None:
    sink.raw_insert("t", insert_block=block, fmt="JSONEachRow", compression=encoding)
    assert sink.query("SELECT DISTINCT a, b FROM t").result_rows == [(7, "seven")]


@pytest.mark.parametrize("first_byte", [0x20, 0x0A, 0x3B, 0x09])
def test_binary_rows_that_begin_like_sql(sink: Client, first_byte: int) -> None:
    sink.raw_insert("t", column_names=["a"], insert_block=struct.pack("<q", first_byte), fmt="RowBinary")
    assert sink.query("SELECT a FROM t").result_rows == [(first_byte,)]


def test_a_repeated_batch_counts_once_in_the_table_and_its_view(sink: Client) -> None:
    sink.command("DROP VIEW IF EXISTS totals_of_t")
    sink.command(
        "CREATE OR REPLACE TABLE totals (n UInt8, s Int64) ENGINE = SummingMergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    sink.command("CREATE MATERIALIZED VIEW totals_of_t TO totals AS SELECT a % 7 AS n, sum(a) AS s FROM t GROUP BY n")
    rows = range(20_000)
    for _ in range(3):
        sink.raw_insert("t", insert_block=_avro(rows), fmt="Avro", settings={"insert_deduplication_token": "t:0:0-1"})
    assert sink.query("SELECT count(), sum(a) FROM t").result_rows == [(len(rows), sum(rows))]
    assert sink.query("SELECT sum(s) FROM totals").result_rows == [(sum(rows),)]
    sink.command("DROP VIEW totals_of_t")


def test_a_damaged_batch_leaves_no_row(sink: Client) -> None:
    with pytest.raises(DatabaseError):
        sink.raw_insert("t", insert_block=_avro(range(20_000))[:-100], fmt="Avro")
    assert sink.command("SELECT count() FROM t") == 0


def test_eight_clients_at_once(stack: Settings, sink: Client) -> None:
    def work(number: int) -> int:
        client = clickhouse_connect.get_client(**stack.clickhouse("reader" if number % 2 else "sink"))
        try:
            for turn in range(10):
                if number % 2:
                    client.query("SELECT a % 7, count() FROM t GROUP BY 1")
                else:
                    client.insert("t", [[number * 100 + turn, None]], column_names=["a", "b"])
        finally:
            client.close()
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 28
    assert sink.command("SELECT uniqExact(a) FROM t") == 40


def test_a_large_result_streams_and_a_late_error_reaches_the_client(sink: Client) -> None:
    with sink.query_row_block_stream("SELECT number FROM numbers(1000000)") as blocks:
        assert sum(len(block) for block in blocks) == 1_000_000
    failing = "SELECT throwIf(number = 900000, 'too far') FROM numbers(1000000) SETTINGS max_block_size = 10000"
    with pytest.raises(StreamFailureError, match="too far"), sink.query_row_block_stream(failing) as blocks:
        for _ in blocks:
            pass


def test_clients_that_leave_early_give_back_their_place(sink: Client) -> None:
    for _ in range(20):
        with sink.query_row_block_stream("SELECT number FROM numbers(300000)") as blocks:
            next(iter(blocks))
    assert sink.command("SELECT 1") == 1


@pytest.mark.parametrize(
    ("sql", "code"),
    [("SELEC 1", 62), ("SELECT * FROM no_such_table", 60), ("SELECT no_such_function()", 46), ("SET a = 1", 48)],
)
def test_errors_carry_their_code(sink: Client, sql: str, code: int) -> None:
    with pytest.raises(DatabaseError) as error:
        sink.command(sql)
    assert error.value.code == code


def test_an_error_can_be_read_where_rows_would_be_compressed(reader: Client) -> None:
    with pytest.raises(DatabaseError, match="no_such_table"):
        reader.query("SELECT * FROM no_such_table")
    with pytest.raises(DatabaseError, match="a reader may not use DROP"):
        reader.query("DROP TABLE t")


def test_a_reader_reads(sink: Client, reader: Client) -> None:
    sink.insert("t", [[1, "file("]], column_names=["a", "b"])
    assert reader.query("SELECT b FROM t WHERE b = 'file('").result_rows == [("file(",)]
    assert reader.query("WITH x AS (SELECT 1 AS url) SELECT url FROM x -- file()\n").result_rows == [(1,)]
    assert "CREATE TABLE" in str(reader.command("SHOW CREATE TABLE t"))
    assert reader.query("SELECT 1 AS `it's`, 'file(' AS `the file(`").result_rows == [(1, "file(")]
    assert reader.command("SELECT sum(number) FROM numbers(10)") == 45


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (1, 'x')",
        "CREATE TABLE z (a Int8) ENGINE = Memory",
        "DROP TABLE t",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1; SELECT 2",
        "SELECT file('/etc/hostname')",
        "SELECT \"f\\x69le\"('/etc/hostname')",
        "SELECT `file` /* ( */ ('/etc/hostname')",
        "SELECT 1 AS `'`, file('/etc/hostname') AS x",
        "SELECT 1 AS `a\\`'b`, file('/etc/hostname') AS `c'd`",
        "SELECT 1 AS \"'\", file('/etc/hostname') AS \"``'\"",
        "SELECT * FROM (SELECT 1 AS `'`), file('/etc/hostname', 'LineAsString') AS `z'`",
        "SELECT arrayMap(file, ['/etc/hostname'])",
        "SELECT arrayMap(`file`, ['/etc/hostname'])",
        "SELECT * APPLY(file) FROM (SELECT '/etc/hostname' AS a)",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM fileCluster('c', '/etc/hostname', 'LineAsString')",
        "SELECT * FROM filesystem('/etc')",
        "DESCRIBE TABLE file('/etc/passwd')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM remote('127.0.0.1:1', system.one)",
        "SELECT * FROM executable('ls', 'TSV', 'a String')",
        "SELECT aiGenerate('x')",
        "SELECT 1 INTO OUTFILE '/tmp/fineacers-must-not-exist'",
        "EXPLAIN SELECT file('/etc/hostname')",
    ],
)
def test_a_reader_may_not(sink: Client, reader: Client, sql: str) -> None:
    with pytest.raises(DatabaseError) as error:
        reader.command(sql)
    assert error.value.code in (62, 164, 497)


def test_a_reader_may_not_insert_or_set(sink: Client, reader: Client) -> None:
    with pytest.raises(DatabaseError, match="may not insert"):
        reader.raw_insert("t", insert_block=_ROW, fmt="JSONEachRow")
    with pytest.raises(ProgrammingError, match="readonly"):
        reader.query("SELECT 1", settings={"max_memory_usage": 1})
    assert sink.command("SELECT count() FROM t") == 0


@pytest.mark.parametrize(("user", "key"), [("fineacers_reader", "wrong"), ("nobody", "x"), ("fineacers_sink", "")])
def test_passwords_are_asked_for(stack: Settings, user: str, key: str) -> None:
    request = Request(
        f"{stack.clickhouse_url}/?query=SELECT+1", headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": key}
    )
    with pytest.raises(HTTPError) as error, urlopen(request):
        pass
    assert error.value.code == 403
    assert error.value.headers["X-ClickHouse-Exception-Code"] == "516"
    error.value.close()


def test_headers_of_plain_http_clients(stack: Settings) -> None:
    keys = {"X-ClickHouse-User": "fineacers_reader", "X-ClickHouse-Key": stack.need("clickhouse_reader_password")}
    with urlopen(Request(f"{stack.clickhouse_url}/?query=SELECT+1+FORMAT+JSONEachRow", headers=keys)) as response:
        assert response.read() == b'{"1":1}\n'
        assert response.headers["X-ClickHouse-Format"] == "JSONEachRow"
        assert response.headers["X-ClickHouse-Query-Id"]
    with urlopen(f"{stack.clickhouse_url}/ping") as response:
        assert response.read() == b"Ok.\n"
