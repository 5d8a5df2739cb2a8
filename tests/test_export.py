"""The rows of an export, and what its end says, for trees whose records stand beside what is expected of them."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sessiontree import catalog_files
from sessiontree.analysis import Analysis
from sessiontree.export import CHUNK_BYTES, Export
from sessiontree.export.columns import PATH_LEVELS_MAX, Layout
from sessiontree.export.forms import FIELDS_MAX, chosen_fields
from sessiontree.export.lines import Csv, Ndjson
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.tree import Tree
from stores import NewStore

RECEIVED = datetime(2026, 3, 20, tzinfo=UTC)
CALL = [
    {"record_type": "call-control", "id": "c1", "telnyx_session_id": "s1", "telnyx_leg_id": "l1", "cost": "0.0052",
     "started_at": "2026-03-17T10:00:00Z", "finished_at": "2026-03-17T10:02:32.5Z", "call_sec": 152},
    {"record_type": "ai-voice-assistant", "id": "a1", "telnyx_leg_id": "l1", "conversation_id": "t1", "cost": "0.18",
     "created_at": "2026-03-17T10:00:01Z"},
    {"record_type": "inference", "id": "i1", "conversation_id": "t1", "cost": "1.421E-4", "model": "=HYPERLINK(1)",
     "tokens": 12},
    {"record_type": "inference", "id": "i2", "conversation_id": "t1", "cost": "-2", "currency": "EUR"},
    {"record_type": "inference", "id": "i3", "conversation_id": "t1", "model": None},
]  # fmt: skip
CONFERENCE = [
    {"record_type": "conference", "id": "k1", "started_at": "2026-03-17T11:00:00Z"},
    {"record_type": "conference-participant", "id": "p1", "conference_id": "k1", "call_session_id": "s1", "cost": "0.5",
     "call_leg_id": "l1"},
    {"record_type": "conference-participant", "id": "p2", "conference_id": "k1", "cost": "0.25"},
]  # fmt: skip


@contextmanager
def stored(new_store: NewStore, records: Sequence[dict[str, Any]]) -> Iterator[Store]:
    """A store with these records."""
    with new_store() as where:
        store = open_store(where, catalog_files.load())
        try:
            reader = Reader(store.catalog)
            store.add("default", [reader.read(json.dumps(record).encode()) for record in records], RECEIVED)
            yield store
        finally:
            store.close()


def tree_of(store: Store, record_type: str, id: str) -> Tree:
    return Analysis(store).tree("default", store.catalog.types[record_type], id)


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def exported(
    new_store: NewStore, records: Sequence[dict[str, Any]], *tops: tuple[str, str], layout: Layout, form: type = Csv
) -> str:
    """The export of the trees of these events, as text."""
    with stored(new_store, records) as store:
        return b"".join(Export(form(layout)).chunks(tree_of(store, *top) for top in tops)).decode()


def test_a_tree_as_csv(new_store: NewStore):
    text = exported(new_store, CALL, ("call-session", "s1"), layout=Layout())
    assert text.splitlines() == [
        "session_id,session_type,path,depth,parent_id,parent_type,relationship,record_type,id,product,event,"
        "started_at,finished_at,event_cost,cumulative_cost,currency,cost_status,other_currencies",
        "s1,call-session,s1,0,,,,call-session,s1,siptrunking-cdrs,call-session,"
        "2026-03-17T10:00:00Z,2026-03-17T10:02:32.500000Z,0.000000,0.1853421,USD,none,EUR -2.000000",
        "s1,call-session,s1/c1,1,s1,call-session,telnyx_session_id=telnyx_session_id,call-control,c1,callcontrol-cdrs,"
        "callcontrol-cdrs,2026-03-17T10:00:00Z,2026-03-17T10:02:32.500000Z,0.005200,0.1853421,USD,rated,EUR -2.000000",
        "s1,call-session,s1/c1/a1,2,c1,call-control,telnyx_leg_id=telnyx_leg_id,ai-voice-assistant,a1,"
        "ai-voice-assistant,ai-voice-assistant,2026-03-17T10:00:01Z,,0.180000,0.1801421,USD,rated,EUR -2.000000",
        "s1,call-session,s1/c1/a1/i1,3,a1,ai-voice-assistant,conversation_id=conversation_id,inference,i1,inference,"
        "inference-event,,,0.0001421,0.0001421,USD,rated,",
        "s1,call-session,s1/c1/a1/i2,3,a1,ai-voice-assistant,conversation_id=conversation_id,inference,i2,inference,"
        "inference-event,,,-2.000000,-2.000000,EUR,rated,",
        "s1,call-session,s1/c1/a1/i3,3,a1,ai-voice-assistant,conversation_id=conversation_id,inference,i3,inference,"
        "inference-event,,,0.000000,0.000000,USD,unpriced,",
        "#end,complete,rows=6 sessions=1 sum=EUR -2.000000 + USD 0.1853421,,,,,,,,,,,,,,,",
    ]


def test_record_fields_are_added_as_they_were_received(new_store: NewStore):
    layout = Layout(("model", "tokens", "id", "telnyx_session_id"))
    rows = csv_rows(exported(new_store, CALL, ("call-session", "s1"), layout=layout))
    chosen = [tuple(row[name] for name in ("model", "tokens", "record.id", "telnyx_session_id")) for row in rows[:-1]]
    assert chosen == [
        ("", "", "", "s1"),
        ("", "", "c1", "s1"),
        ("", "", "a1", ""),
        ("'=HYPERLINK(1)", "12", "i1", ""),
        ("", "", "i2", ""),
        ("", "", "i3", ""),
    ]


def test_a_tree_as_ndjson(new_store: NewStore):
    text = exported(
        new_store, CALL, ("ai-voice-assistant", "a1"), layout=Layout(("model", "tokens", "cost")), form=Ndjson
    )
    rows = [json.loads(line) for line in text.splitlines()]
    assert rows[1] == {
        "session_id": "a1", "session_type": "ai-voice-assistant", "path": "a1/i1", "depth": 1, "parent_id": "a1",
        "parent_type": "ai-voice-assistant", "relationship": "conversation_id=conversation_id",
        "record_type": "inference", "id": "i1", "product": "inference", "event": "inference-event", "started_at": None,
        "finished_at": None, "event_cost": "0.0001421", "cumulative_cost": "0.0001421", "currency": "USD",
        "cost_status": "rated", "other_currencies": None, "model": "=HYPERLINK(1)", "tokens": 12, "cost": "1.421E-4",
    }  # fmt: skip
    assert (rows[0]["parent_id"], rows[0]["relationship"], rows[0]["started_at"]) == (
        None,
        None,
        "2026-03-17T10:00:01Z",
    )
    assert rows[-1] == {
        "trailer": {
            "complete": True, "rows": 4, "sessions": 1, "changed": False,
            "sum": [{"total": "-2.000000", "currency": "EUR"}, {"total": "0.1801421", "currency": "USD"}],
        }
    }  # fmt: skip


def test_records_of_several_lines_stay_in_theirs(new_store: NewStore):
    body = b'{\n "record_type": "inference",\r\n "id": "i1", "odd": {\n "n": 1.50,\r "t": ["a\\nb"]\n}\n}'
    with stored(new_store, []) as store:
        store.add("default", [Reader(store.catalog).read(body)], RECEIVED)
        tree = tree_of(store, "inference", "i1")
        rows = b"".join(Export(Ndjson(Layout(("odd",)))).chunks([tree])).splitlines()
    assert len(rows) == 2
    assert b'"odd":{"n":1.50,"t":["a\\nb"]}' in rows[0]


def test_one_session_shows_who_is_visiting(new_store: NewStore):
    text = exported(new_store, CALL + CONFERENCE, ("conference", "k1"), layout=Layout(visitors=True))
    rows = csv_rows(text)
    assert [(row["id"], row["elsewhere"], row["also_in"], row["event_cost"]) for row in rows[:-1]] == [
        ("k1", "false", "", "0.000000"),
        ("p1", "true", "call-session/s1", "0.500000"),
        ("p2", "false", "", "0.250000"),
    ]
    assert rows[-1]["path"] == "rows=3 sessions=1 sum=USD 0.750000"


def test_many_sessions_hold_every_record_once_at_its_home(new_store: NewStore):
    text = exported(new_store, CALL + CONFERENCE, ("conference", "k1"), ("call-session", "s1"), layout=Layout())
    rows = csv_rows(text)
    assert [
        (row["session_id"], row["id"], row["event_cost"]) for row in rows if row["session_type"] == "conference"
    ] == [
        ("k1", "k1", "0.000000"),
        ("k1", "p2", "0.250000"),
    ]
    assert sum(row["id"] == "p1" for row in rows) == 1
    assert rows[0]["cumulative_cost"] == "0.750000"  # as in its tree
    assert rows[-1]["path"] == "rows=9 sessions=2 sum=EUR -2.000000 + USD 0.9353421"


def test_no_session_at_all(new_store: NewStore):
    assert exported(new_store, [], layout=Layout()).splitlines()[1].startswith("#end,complete,rows=0 sessions=0 sum=0,")
    assert json.loads(exported(new_store, [], layout=Layout(), form=Ndjson))["trailer"]["sum"] == []


def test_what_broke_off_has_no_end(new_store: NewStore):
    def trees(store: Store) -> Iterator[Tree]:
        yield tree_of(store, "call-session", "s1")
        raise OSError("the disk is gone")

    with stored(new_store, CALL) as store:
        pieces = Export(Csv(Layout())).chunks(trees(store))
        with pytest.raises(OSError, match="the disk is gone"):
            b"".join(pieces)


def test_an_export_that_does_not_add_up_is_no_export(new_store: NewStore):
    with stored(new_store, CALL) as store:
        tree = tree_of(store, "call-session", "s1")
        tree.root.totals["USD"] += 1
        with pytest.raises(AssertionError, match="adds up"):
            b"".join(Export(Csv(Layout())).chunks([tree]))


def test_paths_of_deep_trees_end_somewhere(tmp_path: Path, where: str):
    depth = PATH_LEVELS_MAX + 10
    spans = [{"record_type": "span", "id": f"n{at}", "parent": f"n{at - 1}" if at else None} for at in range(depth)]
    toml = 'category = "x"\ndescription = "A step."\nproduct = "span"\nevent = "span"\nid = "id"\n[[parents]]\n' \
        'record_type = "span"\ndescription = "Its caller."\nvia = [["parent", "id"]]\n' \
        '[fields]\nid = "string"\nparent = "string"\n'  # fmt: skip
    (tmp_path / "span.toml").write_text(toml)
    store = open_store(where, catalog_files.load(tmp_path))
    reader = Reader(store.catalog)
    store.add("default", [reader.read(json.dumps(span).encode()) for span in spans], RECEIVED)
    rows = csv_rows(b"".join(Export(Csv(Layout())).chunks([tree_of(store, "span", "n0")])).decode())
    store.close()
    whole = "/".join(f"n{at}" for at in range(PATH_LEVELS_MAX))
    assert [row["path"] for row in rows[PATH_LEVELS_MAX - 1 : depth]] == [whole] + [whole + "/..."] * 10
    assert [int(row["depth"]) for row in rows[:-1]] == list(range(depth))


def test_pieces_are_of_moderate_size_and_held_one_at_a_time(new_store: NewStore):
    turns = [{"record_type": "inference", "id": f"i{at}", "conversation_id": "t1", "cost": "1"} for at in range(2000)]
    with stored(
        new_store, [{"record_type": "ai-voice-assistant", "id": "a1", "conversation_id": "t1"}, *turns]
    ) as store:
        sizes = [len(piece) for piece in Export(Csv(Layout())).chunks([tree_of(store, "ai-voice-assistant", "a1")])]
    assert len(sizes) > 3
    assert max(sizes) < CHUNK_BYTES + 1000


def test_fields_to_choose_from(new_store: NewStore):
    with stored(new_store, [*CALL, {"record_type": "inference", "id": "i9", "mood": "calm"}]) as store:
        assert chosen_fields("model,mood,model", store, "default") == ("model", "mood")
        with pytest.raises(ValueError, match="names 'mood', a field that no record type has"):
            chosen_fields("mood", store, "other")
        with pytest.raises(ValueError, match="names '', a field"):
            chosen_fields("model,", store, "default")
        with pytest.raises(ValueError, match=f"at most {FIELDS_MAX}"):
            chosen_fields(",".join(f"f{at}" for at in range(FIELDS_MAX + 1)), store, "default")
