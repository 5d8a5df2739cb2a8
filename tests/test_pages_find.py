"""The search for any id: to the session it belongs to, with the event selected; a list where there are several."""

from typing import Any

import pytest

from page_help import ASSISTANT, GUIDE_CALL, example, read

LEG = "call-control/4c9063e0-1e4b-11f1-b789-0242ac120004"


@pytest.fixture
def found(client: Any, signed_in: Any) -> Any:
    """Sends records, then gives where the search for an id leads: an address, or the page."""

    def found(id: str, records: list[dict[str, Any]] | None = None) -> Any:
        if records:
            assert client.post("/v2/detail_records", json=records).json()["data"]["rejected"] == 0
        answer = signed_in.get("/find", params={"id": id})
        if answer.status_code == 303:
            return answer.headers["location"]
        assert answer.status_code == 200
        return read(answer.text)

    return found


@pytest.mark.parametrize(
    ("id", "address"),
    [
        ("a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d", GUIDE_CALL),
        ("  a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d\t", GUIDE_CALL),
        (LEG.partition("/")[2], f"{GUIDE_CALL}?event={LEG}"),
        ("c0ffee00-0000-4000-8000-000000000004", f"{GUIDE_CALL}?event=inference/c0ffee00-0000-4000-8000-000000000004"),
        ("7d0c3d0e-2f5e-4f0a-9a51-3b0e5b0f7c11", f"{GUIDE_CALL}?event={ASSISTANT}"),
    ],
    ids=["session", "spaces", "leg", "event", "conversation"],
)
def test_an_id_leads_to_the_top_of_its_session(found: Any, id: str, address: str):
    assert found(id, example("ai-call")) == address


def test_an_id_that_only_others_refer_to_leads_to_those(found: Any):
    turn = {"record_type": "inference", "conversation_id": "talk", "cost": "0.001"}
    assert found("talk", [{**turn, "id": "t1"}]) == "/sessions/inference/t1"
    page = found("talk", [{**turn, "id": "t2"}])
    assert page.one("h2").text == "2 events have this id"
    links = [(item.one("a").text, item.one("a").attributes["href"]) for item in page.one("ul").all("li")]
    assert links == [("inference t1", "/sessions/inference/t1"), ("inference t2", "/sessions/inference/t2")]


def test_one_id_of_several_types_is_a_list_of_them(found: Any):
    legs = [
        {"record_type": name, "id": "same", "telnyx_session_id": f"s-{name}"} for name in ("sip-trunking", "webrtc")
    ]
    page = found("same", legs)
    assert [item.text for item in page.one("ul").all("li")] == [
        "sip-trunking same in call-session s-sip-trunking",
        "webrtc same in call-session s-webrtc",
    ]


def test_long_lists_are_cut_and_say_so(found: Any):
    turns = [{"record_type": "inference", "id": f"t{n:03}", "conversation_id": "talk"} for n in range(60)]
    page = found("talk", turns)
    assert (page.one("h2").text, len(page.one("ul").all("li"))) == ("50+ events have this id", 50)


@pytest.mark.parametrize("id", ["nothing", "<b>x</b>", "x" * 2000, "a/b", "שלום", "\x00"])
def test_an_id_that_nobody_has_is_said_so(found: Any, id: str):
    page = found(id)
    assert page.one("p", class_="notice").one("code").raw == id
    assert page.one("input", id="find").attributes["value"] == id


def test_nothing_to_look_for_is_the_empty_form(found: Any):
    for id in ("", "  "):
        page = found(id)
        assert (page.all("p", class_="notice"), len(page.all("input", name="id"))) == ([], 2)


def test_another_accounts_ids_are_found_by_nobody_else(inside: Any, pages: Any, client: Any):
    client.post("/v2/detail_records", json=example("ai-call"))
    pages.post("/sign-in", data={"key": inside.other_key})
    answer = pages.get("/find", params={"id": LEG.partition("/")[2]})
    assert (answer.status_code, "No record has the id" in answer.text) == (200, True)
