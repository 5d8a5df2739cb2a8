"""The proof: it holds for whatever arrives in whatever order, and names everything that was tampered with."""

import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

import messy
from cli_help import call
from conftest import SECONDS
from operator_types import write_operator_types
from sessiontree import catalog_files, money, verifying
from sessiontree.catalog import Catalog
from sessiontree.errors import SessionsDisputed
from sessiontree.http.refusals import RequestError
from sessiontree.http.unfit import Verify
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.store.names import is_postgres
from sessiontree.store.parts import adding_up
from sessiontree.verifying import Verification, verify

EXAMPLES = Path(__file__).parent.parent / "examples"
RECEIVED = datetime(2026, 9, 1, tzinfo=UTC)
CALL = [
    {"record_type": "call-control", "id": "leg", "telnyx_session_id": "call", "telnyx_leg_id": "L", "cost": "0.006"},
    {"record_type": "recording", "id": "rec", "telnyx_session_id": "call", "cost": "0.0051"},
    {"record_type": "recording", "id": "euro", "telnyx_session_id": "call", "cost": "0.02", "currency": "EUR"},
    {"record_type": "conference", "id": "conf"},
    {"record_type": "conference-participant", "id": "p", "call_session_id": "call", "conference_id": "conf", "cost": 1},
    {"record_type": "inference", "id": "turn", "conversation_id": "nobody", "cost": "1.666E-4"},
    {"record_type": "verify", "id": "v", "verify_usage_fee": "0.03"},
]
"""Sessions: the call (in USD and EUR), the conference (which shows the participant too), the turn, the verification."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("types")
    write_operator_types(folder)
    return catalog_files.load(folder)


@pytest.fixture
def store(where: str, catalog: Catalog) -> Iterator[Store]:
    store = open_store(where, catalog)
    yield store
    store.close()


def add(store: Store, records: list[dict[str, Any]], account: str = "default") -> None:
    reader = Reader(store.catalog)
    store.add(account, [reader.read(line) for line in messy.ndjson(records).splitlines()], RECEIVED)


def codes(found: Verification) -> set[str]:
    return {each.code for each in found.differences}


def amounts(found: Verification) -> list[dict[str, str]]:
    assert found.sums is not None
    sums = (found.sums.records, found.sums.sessions, found.sums.spend)
    return [{code: money.text(amount) for code, amount in each.items()} for each in sums]


def test_the_three_sums_of_a_call(store: Store):
    add(store, CALL)
    found = verify(store, "default")
    assert found.holds and found.differences == []
    assert amounts(found) == [{"USD": "1.0412666", "EUR": "0.020000"}] * 3
    assert found.sums is not None
    assert (found.sums.record_count, found.sums.session_count, found.compared) == (7, 4, 4)


def test_an_account_with_nothing_holds(store: Store):
    add(store, CALL)
    found = verify(store, "nobody")
    assert found.holds
    assert amounts(found) == [{}] * 3


def test_accounts_are_apart(store: Store):
    add(store, CALL)
    add(store, [{**CALL[1], "cost": "7"}], account="other")
    assert amounts(verify(store, "other")) == [{"USD": "7.000000"}] * 3
    assert amounts(verify(store, "default")) == [{"USD": "1.0412666", "EUR": "0.020000"}] * 3


def test_records_of_types_that_the_catalogue_lacks_are_named_apart(where: str, catalog: Catalog):
    store = open_store(where, catalog)
    add(store, [*CALL, {"record_type": "score", "id": "s", "control_id": "leg", "cost": "5"}])
    assert verify(store, "default").holds
    store.close()
    store = open_store(where, catalog_files.load())
    with pytest.raises(SessionsDisputed, match="records of score are stored"):
        verify(store, "default")
    list(store.reread())
    found = verify(store, "default")
    assert found.holds
    assert found.sums is not None
    assert found.sums.undeclared == {"score": 1}
    assert found.sums.records == {"USD": money.read("1.0412666"), "EUR": money.read("0.02")}
    store.close()


@pytest.mark.parametrize("seed", range(12))
def test_it_holds_for_any_mess(store: Store, seed: int):
    """Refreshed now and then; whatever the last versions of the records cost is what each sum comes to."""
    rng = random.Random(seed)
    records = messy.generate(rng, 80, operator=True)
    for first in range(0, len(records), 9):
        add(store, records[first : first + 9])
        if rng.random() < 0.4:
            store.sessions.refresh(limit=rng.randint(1, 9))
    found = verify(store, "default")
    assert found.differences == []
    last = {messy.identity(record): record for record in records}
    read = [Reader(store.catalog).read(line) for line in messy.ndjson(list(last.values())).splitlines()]
    expected: dict[str, int] = {}
    for record in read:
        if record.currency is not None:
            expected[record.currency] = expected.get(record.currency, 0) + (record.cost or 0)
    assert found.sums is not None
    assert expected == found.sums.records
    assert found.sums.record_count == len(last)


# Tampering


Statement = str | tuple[str, str]
"""What is done to a store by hand: in SQLite and, where that differs, in PostgreSQL."""

TAMPERED: list[tuple[Statement, set[str], str]] = [
    # what is done, the codes of what is found, something that is said
    (
        (
            "update session_cost set rest = rest + 1 where currency = 'EUR'",
            "update session_cost set total = total + 0.000000000001 where currency = 'EUR'",
        ),
        {"sums", "costs"},
        "in EUR the records add up",
    ),
    (
        (
            "update session_cost set elsewhere_rest = 1 where currency = 'EUR'",
            "update session_cost set elsewhere = 0.000000000001 where currency = 'EUR'",
        ),
        {"sums", "costs"},
        "in EUR the records",
    ),
    ("delete from session_cost where currency = 'EUR'", {"sums", "costs"}, "sessions to 0.000000"),
    (
        (
            "insert into session_cost values (1, 'GBP', 1, 1, 0, 0, 0, 0, 0)",
            "insert into session_cost select account, number, 'GBP', 1, 0, null from session where number = 1",
        ),
        {"sums", "costs"},
        "in GBP",
    ),
    (
        (
            "insert into session_cost values (1, 'GBP', 99, 1, 0, 0, 0, 0, 0)",
            "insert into session_cost select account, 99, 'GBP', 1, 0, null from session where number = 1",
        ),
        {"costs"},
        "GBP for session 99",
    ),
    ("delete from home where row = 2", {"no_home", "members"}, "is at home in no session"),
    (
        (
            "update home set session = (select session from home where row = 7) where row = 2",
            "update home set session = other.session from home as other"
            " where other.account = home.account and other.row = 7 and home.row = 2",
        ),
        {"members"},
        "whose home is",
    ),
    ("update home set session = 99 where row = 2", {"no_home", "members"}, "in a session that is not there"),
    (
        ("insert into home values (77, 1)", "insert into home select account, 77, 1 from home where row = 2"),
        {"members"},
        "the table of homes has 8 entries, and the sessions list 7",
    ),
    ("delete from visit", {"members"}, "shown there that are not noted"),
    (
        ("insert into visit values (7, 1)", "insert into visit select account, 7, 1 from home where row = 7"),
        {"members"},
        "the table of visits has 2 entries, and the sessions list 1",
    ),
    (
        (
            "update spend set rest = rest + 1 where currency = 'EUR'",
            "update spend set amount = amount + 0.000000000001 where currency = 'EUR'",
        ),
        {"sums", "spend"},
        "another sum of EUR",
    ),
    ("update spend set events = events + 1 where currency = 'EUR'", {"sums"}, "7 records, and the spend counts 8"),
    ("delete from spend where currency = 'EUR'", {"sums", "spend"}, "spend to 0.000000"),
    (
        "delete from session where record_type = 'verify'",
        {"no_home", "costs", "sums"},
        "in a session that is not there",
    ),
    ("update session set event_count = 9 where id = 'call'", {"session"}, "fresh computation in event_count"),
    ("update session set unlinked = 0 where id = 'turn'", {"session"}, "fresh computation in unlinked"),
    ("update session set start = 1, changed = 2 where id = 'v'", {"session"}, "in start, changed"),
    (
        (
            "update session set details = replace(cast(details as text), '5100', '5200')",
            "update session set details = replace(encode(details, 'escape'), '5100', '5200')::bytea",
        ),
        {"session"},
        "in products",
    ),
    ("update session set rows = '[[1,2,3],[]]' where id = 'call'", {"members"}, "noted with other records"),
    ("update session set id = 'nobody' where id = 'turn'", {"no_top"}, "there is no such event"),
    ("update session set record_type = 'amd' where id = 'v'", {"no_top"}, "there is no such event"),
    ("update session set record_type = 'gone' where id = 'v'", {"no_top"}, "its type is not in the catalogue"),
    ("update session set record_type = 'recording', id = 'rec' where id = 'v'", {"no_top"}, "stands below another"),
    ("delete from link", {"no_top"}, "there is no such event"),
    ("update session_sum set events = 0", {"list_sums"}, "the counts that lists of sessions show"),
    (
        ("update session_cost_sum set sessions = 9", "update session_sum set sessions = 9 where currency <> ''"),
        {"list_sums"},
        "the sums that lists of sessions show",
    ),
    (
        (
            "update session_cost_sum set elsewhere_rest_low = 1",
            "update session_sum set elsewhere = 0.000000000001 where currency <> ''",
        ),
        {"list_sums"},
        "the sums that lists of sessions show",
    ),
]


@pytest.mark.parametrize(("statement", "expected", "said"), TAMPERED)
def test_tampering_is_named(store: Store, where: str, statement: Statement, expected: set[str], said: str):
    add(store, CALL)
    assert verify(store, "default").holds
    tamper(where, statement)
    found = verify(store, "default")
    assert not found.holds
    assert expected <= codes(found), found.differences
    assert any(said in each.message for each in found.differences), found.differences
    assert found.difference_count == len(found.differences)


def tamper(where: str, *statements: Statement) -> None:
    kind = int(is_postgres(where))
    with closing(psycopg.connect(where) if kind else sqlite3.connect(where)) as db:
        for statement in statements:
            done = db.execute(statement if isinstance(statement, str) else statement[kind])
            assert done.rowcount, "nothing was tampered with"
        db.commit()


def test_a_session_that_nothing_made(store: Store, where: str):
    """Its record is at home in another session, and it lists that all the same; or it lists nothing."""
    add(store, CALL)
    verify(store, "default")
    tamper(
        where,
        "create temporary table made as select * from session where id = 'v'",
        "update made set number = 99, record_type = 'recording', id = 'rec', rows = '[[2],[]]'",
        "insert into session select * from made",
    )
    sums = {"list_sums"} if is_postgres(where) else set()  # in SQLite triggers keep them
    assert codes(verify(store, "default")) == {"members", "costs", "no_top"} | sums
    tamper(where, "update session set rows = '[[],[]]' where id = 'rec'")
    assert codes(verify(store, "default")) == {"empty", "costs", "no_top"} | sums


def test_homes_that_are_wrong_in_every_table_alike(store: Store, where: str):
    """Two records of one cost changed places: only a fresh computation can tell."""
    add(store, [*CALL, {**CALL[1], "id": "twin", "telnyx_session_id": "second call"}])
    assert verify(store, "default").holds
    tamper(
        where,
        "create temporary table swap as select row, session from home where row in (2, 8)",
        (
            "update home set session = (select session from swap where swap.row <> home.row) where row in (2, 8)",
            "update home set session = other.session from home as other where other.account = home.account"
            " and home.row in (2, 8) and other.row = 10 - home.row",
        ),
        (
            "update session set rows = replace(cast(rows as text), '2,', '8,') where id = 'call'",
            "update session set rows = replace(encode(rows, 'escape'), '2,', '8,')::bytea where id = 'call'",
        ),
    )
    tamper(where, "update session set rows = '[[2],[]]' where id = 'second call'")
    found = verify(store, "default")
    assert [(each.code, each.id) for each in found.differences] == [("members", "call"), ("members", "second call")]


def test_another_accounts_tables_are_not_looked_at(store: Store, where: str):
    add(store, CALL)
    add(store, CALL, account="other")
    verify(store, "other")
    tamper(where, "update session set event_count = 9 where account = (select id from account where name = 'other')")
    assert verify(store, "default").holds
    assert not verify(store, "other").holds


def test_more_differences_than_are_listed_are_counted(store: Store, where: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(adding_up, "DIFFERENCES_MAX", 3)
    monkeypatch.setattr(verifying, "DIFFERENCES_MAX", 3)
    add(store, CALL)
    verify(store, "default")
    tamper(where, "delete from home")
    found = verify(store, "default")
    assert len(found.differences) == 3
    assert (
        found.difference_count == 7 + 4 + 1
    )  # records without a home, sessions that list them, and the count of homes


def test_a_sample_compares_so_many_sessions(store: Store, where: str):
    add(store, CALL)
    for sample, compared in [(1, 1), (3, 3), (100, 4)]:
        assert verify(store, "default", sample=sample).compared == compared
    tamper(where, "update session set event_count = event_count + 1")
    assert [each.code for each in verify(store, "default", sample=2).differences].count("session") == 2


# Beside live traffic


def test_it_holds_while_records_arrive(store: Store, where: str, catalog: Catalog):
    """Another writer adds, changes and moves records all the time; every verification is of one moment."""
    records = messy.generate(random.Random(5), 400, operator=True)
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        other = open_store(where, catalog)
        try:
            at = 0
            while not stop.is_set():
                add(other, records[at % 400 : at % 400 + 5])
                other.sessions.refresh()
                at += 5
        except BaseException as error:
            failed.append(error)
        finally:
            other.close()

    add(store, records[:50])
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):
            found = verify(store, "default")
            assert found.differences == []
            assert found.compared > 0
    finally:
        stop.set()
        writer.join(SECONDS)
    assert failed == []


def test_changes_that_never_end_are_told(store: Store, where: str, monkeypatch: pytest.MonkeyPatch):
    """Whoever writes faster than changes are worked in keeps the proof from being made."""
    add(store, CALL)
    monkeypatch.setattr(verifying, "PATIENCE_SECONDS", 0)
    found = verify(store, "default", refresh=lambda store: None)
    assert (found.holds, found.sums, found.compared) == (False, None, 0)
    assert [each.code for each in found.differences] == ["unsettled"]
    assert "7 changed records wait" in found.differences[0].message


def test_a_session_that_changes_meanwhile_is_compared_again(store: Store, monkeypatch: pytest.MonkeyPatch):
    """Between the sums and the sessions a record arrives: the call's row is right again when that is worked in."""
    add(store, CALL)
    compare = verifying._compare_sums

    def compare_and_go_on(*arguments: Any) -> Any:
        chosen = compare(*arguments)
        add(store, [{**CALL[1], "id": f"late {store.count()}"}])
        return chosen

    monkeypatch.setattr(verifying, "_compare_sums", compare_and_go_on)
    assert verify(store, "default").differences == []
    with monkeypatch.context() as impatient:
        impatient.setattr(verifying, "PATIENCE_SECONDS", 0)
        found = verify(store, "default", refresh=lambda store: None)
        assert [(each.code, each.id) for each in found.differences] == [("unsettled", "call")]
    assert verify(store, "default").differences == []


def test_it_holds_beside_a_server_that_is_being_sent_records(server: Any):
    """Asked of the server itself, and by the command on its store, while clients send without a pause."""
    records = messy.generate(random.Random(9), 3000, operator=False)
    bodies = [messy.ndjson(records[at : at + 50]) for at in range(0, len(records), 50)]
    stop = threading.Event()

    def send(first: int) -> None:
        headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
        with httpx.Client(headers=headers, timeout=SECONDS) as client:
            at = first
            while not stop.is_set():
                client.post(f"{server.url}/v2/detail_records", content=bodies[at % len(bodies)])
                at += 2

    senders = [threading.Thread(target=send, args=[first]) for first in range(2)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(3):
            proof = server.get("/v2/verify?sample=200").json()["data"]
            assert proof["differences"] == []
            result = call("verify", "--store", server.where, "--sample", "200")
            assert result.exit_code == 0, result.output
    finally:
        stop.set()
        for sender in senders:
            sender.join(60)
    proof = server.get("/v2/verify").json()["data"]
    assert (proof["holds"], proof["compared_count"]) == (True, proof["session_count"])
    assert proof["record_count"] > 0


# The command


def test_the_command_shows_the_equal_sums(tmp_path: Path, where: str):
    assert call("import", "--store", where, *sorted(EXAMPLES.glob("*.ndjson"))).exit_code == 0
    result = call("verify", "--store", where)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "Account default",
        "  48 records in 19 sessions, 19 computed afresh",
        "  CURRENCY  RECORDS    SESSIONS   SPEND",
        "  EUR       0.037200   0.037200   0.037200   equal",
        "  USD       1.0861563  1.0861563  1.0861563  equal",
        "  Everything agrees.",
    ]
    lines = [json.loads(line) for file in EXAMPLES.glob("*.ndjson") for line in file.read_text().splitlines()]
    last = {messy.identity(record): record for record in lines}
    fees = [
        next((each[name] for name in ("cost", "verify_usage_fee", "data_cost") if name in each), 0)
        for each in last.values()
    ]
    assert sum(Decimal(str(fee or 0)) for fee in fees) == Decimal("0.0372") + Decimal("1.0861563")


def test_the_command_fails_where_anything_differs(where: str):
    call("import", "--store", where, EXAMPLES / "fax.ndjson")
    tamper(
        where,
        (
            "update spend set whole = whole + 1 where events = 1 and rest > 0",
            "update spend set amount = amount + 1 where events = 1 and amount > 0",
        ),
    )
    result = call("verify", "--store", where)
    assert result.exit_code == 1
    assert "NOT EQUAL" in result.stdout
    assert "differences:" in result.stdout
    assert "(sums)" in result.stdout and "(spend)" in result.stdout
    proof = json.loads(call("verify", "--store", where, "--json").stdout)
    assert [(each["account"], each["holds"]) for each in proof] == [("default", False)]
    assert {each["code"] for each in proof[0]["differences"]} == {"sums", "spend"}
    assert proof[0]["sums"][0]["equal"] is False


def test_the_command_shows_the_first_differences_and_says_how_many_more_there_are(where: str, tmp_path: Path):
    file = tmp_path / "faxes.ndjson"
    file.write_text("".join(f'{{"record_type": "fax", "id": "{at}", "cost": "1"}}\n' for at in range(23)))
    call("import", "--store", where, file)
    tamper(where, "update session set event_count = event_count + 1")
    (proof,) = json.loads(call("verify", "--store", where, "--json").stdout)
    count = len(proof["differences"])
    assert count >= 23  # PostgreSQL's sums of sessions differ as well
    _, _, shown = call("verify", "--store", where).stdout.partition(f"  {count} differences:\n")
    *lines, last = shown.splitlines()
    assert (len(lines), last) == (20, f"  ... and {count - 20} more; --json shows them")


def test_the_command_takes_one_account_and_a_sample(where: str):
    for account in ("a", "b"):
        call("import", "--store", where, "--account", account, EXAMPLES / "fax.ndjson")
    assert call("verify", "--store", where).stdout.count("Everything agrees.") == 2
    result = call("verify", "--store", where, "--account", "b", "--sample", "1")
    assert result.stdout.splitlines()[:2] == ["Account b", "  2 records in 1 sessions, 1 computed afresh"]
    result = call("verify", "--store", where, "--account", "c")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no account c; there are a, b\n")
    assert call("verify", "--store", where, "--sample", "0").exit_code == 2


# The route


def test_the_route_proves_the_keys_own_account(client: Any, inside: Any):
    client.post("/v2/detail_records", json=CALL)
    answer = client.get("/v2/verify")
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["account"], data["holds"], data["difference_count"], data["differences"]) == ("default", True, 0, [])
    assert data["sums"] == [
        {"currency": "EUR", "records": "0.020000", "sessions": "0.020000", "spend": "0.020000", "equal": True},
        {"currency": "USD", "records": "1.0412666", "sessions": "1.0412666", "spend": "1.0412666", "equal": True},
    ]
    assert (data["record_count"], data["session_count"], data["compared_count"]) == (7, 4, 4)
    assert client.get("/v2/verify?sample=2").json()["data"]["compared_count"] == 2


def test_the_route_wants_an_admin_key(client: Any, inside: Any):
    answer = client.get("/v2/verify", headers={"Authorization": f"Bearer {inside.read_key}"})
    assert answer.status_code == 403
    assert "scope admin" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("value", ["0", "-1", "many", "", "1000001"])
def test_a_sample_that_cannot_be(client: Any, value: str):
    answer = client.get(f"/v2/verify?sample={value}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["source"] == {"parameter": "sample"}


def test_one_verification_at_a_time(inside: Any):
    import asyncio

    from sessiontree.http.routes import Call

    handler = Verify()
    key = inside.service.keys.find(inside.key, datetime.now(UTC))
    request = Call(inside.service, {"query_string": b""}, lambda: None, "id", [], key)  # type: ignore[arg-type]
    with handler.running, pytest.raises(RequestError) as refused:
        asyncio.run(handler(request))
    assert (refused.value.status, "Retry-After" in refused.value.headers) == (429, True)
    assert asyncio.run(handler(request)).status_code == 200
