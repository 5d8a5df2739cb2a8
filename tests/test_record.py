"""Reading one record by its type's declaration: what is read out of it, and every refusal with its field and code."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from messy import write_operator_types
from sessiontree import catalog_files, money
from sessiontree.errors import RecordRejected
from sessiontree.export.columns import OWN, VISITING
from sessiontree.http.csv_lists import PROBLEM_COLUMNS, SESSION_COLUMNS, SPEND_COLUMNS, UNLINKED_COLUMNS
from sessiontree.own_tables import is_own_table
from sessiontree.reading import LINK_CHARS_MAX, Reader
from sessiontree.record import ID_CHARS_MAX, Record, read_time, valid_id

UTC_10 = datetime(2026, 3, 17, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Reader:
    folder = tmp_path_factory.mktemp("types")
    write_operator_types(folder)
    return Reader(catalog_files.load(folder))


def refusal(reader: Reader, body: str | bytes, record_type: str | None = "recording") -> tuple[str | None, str, str]:
    with pytest.raises(RecordRejected) as error:
        reader.read(body.encode() if isinstance(body, str) else body, record_type)
    assert "\n" not in error.value.message
    assert len(error.value.message) < 300
    return error.value.field, error.value.code, error.value.message


def test_what_is_read_out_of_a_record():
    body = b"""{"record_type": "call-control", "id": "leg", "telnyx_leg_id": "l", "telnyx_session_id": "s",
        "other": [1], "call_session_id": 7, "started_at": "2026-03-17T11:00:00+01:00", "finished_at": null,
        "cost": "1.666E-4", "currency": "eur"}"""
    assert Reader(catalog_files.load()).read(body) == Record(
        record_type="call-control",
        id="leg",
        start=UTC_10,
        finish=None,
        cost=166_600_000,
        currency="EUR",
        keys=("l", "s"),
        refs=("s", "7"),
        body=body,
        received=None,
        names=tuple(json.loads(body)),
    )


# The type


@pytest.mark.parametrize(
    ("inside", "named", "expected"),
    [
        ("recording", None, "recording"),
        ("webrtc_detail_record", None, "webrtc"),
        ("message_detail_record", None, "message"),
        ("stt", None, "speech-to-text"),
        ("webrtc", "recording", "recording"),
        ("no-such-type", "recording", "recording"),
        (None, "recording", "recording"),
        (5, "recording", "recording"),
    ],
)
def test_the_type_that_is_named_for_all_wins(reader, inside, named, expected):
    body = json.dumps({"id": "a", "uuid": "a", "record_type": inside})
    assert reader.read(body.encode(), named).record_type == expected


@pytest.mark.parametrize(
    ("body", "code", "part"),
    [
        ('{"id":"a"}', "10004", "record_type is missing"),
        ('{"id":"a","record_type":null}', "10004", "record_type is missing"),
        ('{"id":"a","record_type":""}', "10004", "record_type is missing"),
        ('{"id":"a","record_type":5}', "10004", "record_type is missing"),
        ('{"id":"a","record_type":["webrtc"]}', "10004", "record_type is missing"),
        ('{"id":"a","record_type":"webrct"}', "10032", "'webrct' is no record type"),
        ('{"id":"a","record_type":"WEBRTC"}', "10032", "'WEBRTC' is no record type"),
        ('{"id":"a","record_type":"' + "x" * 5000 + '"}', "10032", "xxx..."),
    ],
)
def test_a_record_without_a_known_type(reader, body, code, part):
    field, found, message = refusal(reader, body, None)
    assert (field, found) == ("record_type", code)
    assert part in message


@pytest.mark.parametrize("named", [None, "fax"])
@pytest.mark.parametrize("body", ['{"data":[]}', '{"data":[{"id":"a"}],"meta":{"page_number":1}}'])
def test_a_page_of_an_answer_is_no_record(reader, body, named):
    assert refusal(reader, body, named) == (
        None,
        "10015",
        "this looks like a page of an answer: send the records in its data",
    )


@pytest.mark.parametrize("named", [None, "fax"])
def test_a_row_of_an_export_is_no_record(reader, named):
    row = {column.name: None for column in OWN} | {"record_type": "fax", "id": "a", "session_id": "a"}
    reason = "this is a row of an export and no record: send the record as it was received"
    assert refusal(reader, json.dumps(row), named) == (None, "10015", reason)
    del row["path"]
    assert reader.read(json.dumps(row).encode(), named).id == "a"


@pytest.mark.parametrize(
    "columns",
    [
        [each.name for each in OWN + VISITING],
        SESSION_COLUMNS,
        UNLINKED_COLUMNS,
        PROBLEM_COLUMNS,
        ("day", "product", *SPEND_COLUMNS),
    ],
)
def test_tables_that_are_no_records_are_known_by_their_columns(columns):
    assert is_own_table(columns)
    assert not is_own_table(["record_type", "id", "started_at", "cost", "reason", "status", "path"])


@pytest.mark.parametrize("body", ['{"data":{"a":1}}', '{"data":[],"other":1}', '{"meta":{}}'])
def test_what_only_looks_a_little_like_a_page_lacks_its_type(reader, body):
    assert refusal(reader, body, None)[:2] == ("record_type", "10004")


# Ids


@pytest.mark.parametrize(
    ("value", "id"),
    [
        *(
            (f'"{text}"', text)
            for text in ("a", "call-123", "x" * 255, "é" * 255, "a b", "0", "v3:x-_~", "'\\u005c'"[:1])
        ),
        ('"\\u00e9"', "é"),
        ('"\\ud83d\\ude80"', "🚀"),
        ("7", "7"),
        ("-7", "-7"),
        ("0", "0"),
        ("9223372036854775808", "9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "18446744073709551616"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
def test_ids(reader, value, id):
    assert reader.read(f'{{"id":{value}}}'.encode(), "recording").id == id


@pytest.mark.parametrize("missing", ["{}", '{"id":null}', '{"id":""}', '{"ID":"a"}', '{"uuid":"a"}'])
def test_a_record_without_an_id(reader, missing):
    assert refusal(reader, missing) == ("id", "10004", "id is missing: a record needs its id")


@pytest.mark.parametrize(
    "value",
    [
        *('"/"', '"a/b"', '"\\n"', '"\\u0000"', '"a\\u007f"', '"\\u2028"', '"\\u200b"', '"\\ufeff"'),
        *(f'"{"x" * 256}"', "true", "false", "1.5", "1.0", "1e3", "[]", "{}", '["a"]', "1e400"),
    ],
)
def test_what_is_no_id(reader, value):
    field, code, message = refusal(reader, f'{{"id":{value}}}')
    assert (field, code) == ("id", "10006")
    assert "use 1 to 255 printable characters without /" in message


def test_the_id_field_is_the_declared_one(reader):
    assert reader.read(b'{"id":"other","uuid":"own"}', "message").id == "own"
    assert refusal(reader, '{"id":"a"}', "message")[:2] == ("uuid", "10004")
    assert reader.read(b'{"id":"other","telnyx_session_id":"s"}', "call-session").id == "s"


@pytest.mark.parametrize(
    ("text", "valid"),
    [("a", True), ("", False), ("/", False), ("x" * ID_CHARS_MAX, True), ("x" * 256, False), ("\t", False)],
)
def test_valid_id(text, valid):
    assert valid_id(text) is valid


@pytest.mark.parametrize("field", ["id", "telnyx_session_id", "telnyx_leg_id", "cost", "note"])
@pytest.mark.parametrize("digits", [300, 5000])
def test_whole_numbers_of_very_many_digits(reader, field, digits):
    """Refused where they count, kept as they are elsewhere; never an error of ours."""
    others = "" if field == "id" else '"id":"a",'
    body = f'{{{others}"{field}":{"1" * digits}}}'
    if field == "note" or (field == "telnyx_leg_id" and digits <= LINK_CHARS_MAX):
        assert reader.read(body.encode(), "call-control").body == body.encode()
    else:
        refused, code, _ = refusal(reader, body, "call-control")
        is_id = field == "id" or (field == "telnyx_session_id" and digits <= LINK_CHARS_MAX)
        assert (refused, code) == (field, "10006" if is_id else "10015")


@pytest.mark.parametrize("value", ["s/1", "s\n1", "x" * 256, "\x1b[2J"])
def test_what_names_a_virtual_parent_has_to_be_an_id(reader, value):
    """Its event could not be asked for otherwise, and its links would not work."""
    body = json.dumps({"id": "a", "telnyx_session_id": value})
    assert refusal(reader, body, "recording")[:2] == ("telnyx_session_id", "10006")
    assert reader.read(json.dumps({"id": "a", "conversation_id": value}).encode(), "inference").refs == (value,)


# Times


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-17T10:00:00Z", UTC_10),
        ("2026-03-17T10:00:00", UTC_10),
        ("2026-03-17 10:00:00", UTC_10),
        ("2026-03-17T10:00", UTC_10),
        ("20260317T100000Z", UTC_10),
        ("2026-03-17T11:00:00+01:00", UTC_10),
        ("2026-03-17T04:15:00-0545", UTC_10),
        ("2026-03-17", UTC_10.replace(hour=0)),
        ("2026-03-17T10:00:00.000001Z", UTC_10 + timedelta(microseconds=1)),
        ("2026-03-17T10:00:00,25Z", UTC_10 + timedelta(milliseconds=250)),
        ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_times(reader, text, moment):
    assert read_time(text) == moment
    record = reader.read(json.dumps({"id": "a", "started_at": text, "finished_at": text}).encode(), "recording")
    assert (record.start, record.finish) == (moment, moment)
    assert record.start.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "2026-03-17T25:00:00Z",
            "10:00",
            "17.03.2026",
            " 2026-03-17",
            "1710669600",
        ),
        *("0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-01:00", "x" * 5000),
        *(5, 1.5, True, [], {}),
    ],
)
@pytest.mark.parametrize("field", ["started_at", "finished_at"])
def test_what_is_no_time(reader, field, value):
    refused, code, message = refusal(reader, json.dumps({"id": "a", field: value}))
    assert (refused, code) == (field, "10015")
    assert message.endswith("is not an ISO 8601 time such as 2026-03-17T10:00:00Z")


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({}, None),
        ({"created_at": None, "sent_at": ""}, None),
        ({"sent_at": "2026-03-17T10:00:00Z"}, UTC_10),
        ({"created_at": "2026-03-17T10:00:00Z", "sent_at": "nonsense"}, UTC_10),
        ({"created_at": None, "sent_at": "2026-03-17T10:00:00Z"}, UTC_10),
        ({"created_at": "", "sent_at": "2026-03-17T10:00:00Z"}, UTC_10),
    ],
)
def test_the_first_time_that_is_there_counts(reader, fields, start):
    assert reader.read(json.dumps({"uuid": "a", **fields}).encode(), "message").start == start


# Costs and currencies


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ('"0.0052"', "0.0052"),
        ('"7.0E-7"', "7.0E-7"),
        ("0.029283", "0.029283"),
        ("0.1", "0.1"),
        ("0.10", "0.1"),
        ("0.300000000004", "0.300000000004"),
        ("123456789012.123456789012", "123456789012.123456789012"),
        ("999999999999.999999999999", "999999999999.999999999999"),
        ("1e-12", "1e-12"),
        ("1E-12", "1e-12"),
        ("-0.5e1", "-5"),
        ("-0.0", "0"),
        ("3", "3"),
        ("-2", "-2"),
        ("999999999999", "999999999999"),
    ],
)
def test_costs_never_pass_through_a_float(reader, written, amount):
    record = reader.read(f'{{"id":"a","cost":{written}}}'.encode(), "recording")
    assert record.cost == money.read(amount)


@pytest.mark.parametrize("body", ['{"id":"a"}', '{"id":"a","cost":null}'])
def test_no_cost(reader, body):
    assert reader.read(body.encode(), "recording").cost is None


@pytest.mark.parametrize(
    ("value", "part"),
    [
        *((value, "is not a decimal") for value in ('""', '" 1"', '"1_0"', '"NaN"', '"Infinity"', '"free"', '"1,5"')),
        *((value, "is not a decimal") for value in ("true", "false", "[]", "{}", '["1"]')),
        *(
            (value, "10^12 or more")
            for value in ("1e400", "-1e400", "1e12", '"1e400"', "1000000000000", "1" + "0" * 400)
        ),
        *((value, "12 digits after the point") for value in ("1e-13", "0.0000000000001", '"1E-13"', "1e-400")),
        ("0.1000000000000000055511151231257827021181583404541015625", "12 digits after the point"),
    ],
)
def test_what_is_no_cost(reader, value, part):
    field, code, message = refusal(reader, f'{{"id":"a","cost":{value}}}')
    assert (field, code) == ("cost", "10015")
    assert part in message


def test_a_number_that_is_no_cost_is_shown_as_it_was_written(reader):
    written = "1.00000000000000001"
    message = refusal(reader, f'{{"id":"a","cost":{written}}}')[2]
    assert message == f"{written} has more than 12 digits after the point"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_even_json_is_named_by_its_field(reader, value):
    assert refusal(reader, f'{{"id":"a","cost":{value}}}')[:2] == ("cost", "10015")
    assert refusal(reader, f'{{"id":"a","other":{value}, "cost": 1}}')[:2] == ("other", "10015")


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost": "1", "carrier_fee": "2"}, "1"),
        ({"cost": None, "carrier_fee": "2"}, "2"),
        ({"carrier_fee": "2"}, "2"),
        ({"cost": "0", "carrier_fee": "2"}, "0"),
        ({"cost": "1", "carrier_fee": "nonsense"}, "1"),
    ],
)
def test_the_first_cost_that_is_there_counts(reader, fields, cost):
    assert reader.read(json.dumps({"uuid": "a", **fields}).encode(), "message").cost == money.read(cost)


@pytest.mark.parametrize(
    ("record_type", "fields", "currency"),
    [
        ("recording", {}, "USD"),
        ("recording", {"currency": None}, "USD"),
        ("recording", {"currency": ""}, "USD"),
        ("recording", {"currency": "eUr"}, "EUR"),
        ("score", {}, "EUR"),
        ("score", {"currency": "usd"}, "USD"),
        ("conference", {}, None),
        ("conference", {"currency": "nonsense", "cost": "nonsense"}, None),
    ],
)
def test_currencies(reader, record_type, fields, currency):
    assert reader.read(json.dumps({"id": "a", **fields}).encode(), record_type).currency == currency


@pytest.mark.parametrize("value", ["EURO", "US", "U$D", "€", "ÄÖÜ", "123", " USD", 5, True, [], {}, ["USD"]])
def test_what_is_no_currency(reader, value):
    field, code, message = refusal(reader, json.dumps({"id": "a", "currency": value}))
    assert (field, code) == ("currency", "10015")
    assert "is not a three-letter currency code" in message


# Links


@pytest.mark.parametrize(
    ("value", "link"),
    [
        *((text, None) for text in ("null", '""')),
        *(("7", "7"), ("-7", "-7"), ("0", "0"), ("9223372036854775808", "9223372036854775808")),
        *(('"7"', "7"), ('" "', " "), ('"a/b"', "a/b"), ('"\\u0000"', "\0"), (f'"{"x" * 1000}"', "x" * 1000)),
    ],
)
def test_link_values(reader, value, link):
    record = reader.read(
        f'{{"id":"a","conversation_id":{value},"telnyx_leg_id":{value}}}'.encode(), "ai-voice-assistant"
    )
    assert (record.keys, record.refs) == ((link,), (link, None))


@pytest.mark.parametrize("value", ["true", "false", "1.5", "1e3", "[]", "{}", '["a"]', "1e400", f'"{"x" * 1001}"'])
@pytest.mark.parametrize("field", ["conversation_id", "telnyx_session_id"])
def test_what_cannot_link(reader, field, value):
    refused, code, message = refusal(reader, f'{{"id":"a","{field}":{value}}}', "ai-voice-assistant")
    assert (refused, code) == (field, "10015")
    assert "cannot link records" in message


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"a","rate":1e400}',
        b'{"id":"a","note":-1e999,"cost":0.1}',
        b'{"id":"a","note":[1e400,{"deep":1e400}]}',
        b'{"id":"a","note":0.1000000000000000055511151231257827021181583404541015625}',
        b' \r\n\t{ "id" : "a" }\n',
        b'{"id":"a","note":"\\ud83d\\ude80\\u0000"}',
        b'{"id":"a","":1," ":2}',
        b'{"id":"a","note":' + b"[" * 500 + b"]" * 500 + b"}",
        '{"id":"a","é":"漢字"}'.encode(),
    ],
)
def test_what_is_not_declared_is_kept_as_it_is(reader, body):
    record = reader.read(body, "recording")
    assert (record.body, record.id, record.names) == (body, "a", tuple(json.loads(body)))


def test_of_a_key_that_stands_twice_the_last_counts(reader):
    body = b'{"id":"a","cost":"1","id":"b","cost":0.20,"cost":0.25}'
    record = reader.read(body, "recording")
    assert (record.id, record.cost, record.body) == ("b", money.read("0.25"), body)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        *((body, "is not a JSON object") for body in ("[]", "[{}]", '"a"', "1", "null", "true", "1.5")),
        *(
            (body, "cannot be read")
            for body in ("", " ", "{", '{"id"', '{"id":"a"', '{"id":"a",}', "{'id':'a'}", "{id:1}")
        ),
        *((body, "cannot be read") for body in ('{"id":"a"} x', '{"id":"a"}{"id":"b"}', "x", '{"id":"a"}]', "1e400x")),
        *(
            (body, "cannot be read")
            for body in ('{"id":"a\nb"}', '{"id":"a","n":01}', '{"id":"a","n":.5}', '{"id":"a","n":+1}')
        ),
        ("\ufeff" + '{"id":"a"}', "cannot be read"),
        ('{"id":"a","note":"\\ud800"}', "cannot be read"),
        ('{"id":"\\udc00\\ud800"}', "cannot be read"),
        (b'{"id":"a","note":"\xff"}', "is not UTF-8 text (byte 18)"),
        (b'{"id":"\xed\xa0\x80"}', "is not UTF-8 text (byte 7)"),
        (b'{"id":"a","note":"\xc3"}', "is not UTF-8 text (byte 18)"),
        (b'{"id":"a","\xff":1}', "is not UTF-8 text"),
        (b"\xff\xfe{\0}\0", "is not UTF-8 text (byte 0)"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"id":"a","note":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"id":"a","note":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_bodies_that_are_no_record(reader, body, part):
    field, code, message = refusal(reader, body)
    assert (field, code) == (None, "10015")
    assert part in message


def test_refusals_show_little_of_what_was_sent(reader):
    assert len(refusal(reader, json.dumps({"id": "x" * 100_000}))[2]) < 200
    assert len(refusal(reader, json.dumps({"id": "a", "cost": "1" * 100_000}))[2]) < 200
    assert len(refusal(reader, json.dumps({"id": "a", "started_at": {"a": ["b" * 1000]}}))[2]) < 200
