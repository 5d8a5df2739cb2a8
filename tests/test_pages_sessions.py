"""The list of sessions as a page: the API's numbers, filters, orders and places; what changed since; files."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from cli_help import call
from page_help import Element, example, read
from sessiontree import demo, money
from sessiontree.pages import shown

Show = Callable[..., Element]
NASTY = "<script>alert(1)<b>\"'&é🧾"


def post(inside: Any, client: Any, records: list[dict[str, Any]]) -> None:
    answer = client.post("/v2/detail_records", json=records)
    assert answer.json()["data"]["rejected"] == 0, answer.text
    while inside.service.store.sessions.refresh():
        pass


@pytest.fixture
def show(inside: Any, client: Any, signed_in: Any) -> Show:
    """Sends records, then gives the page at an address."""

    def show(query: str = "", records: list[dict[str, Any]] | None = None, path: str = "/sessions") -> Element:
        if records:
            post(inside, client, records)
        answer = signed_in.get(f"{path}?{query}" if query else path)
        assert answer.status_code == 200, answer.text
        return read(answer.text)

    return show


def message(id: str, cost: str = "0.01", **more: Any) -> dict[str, Any]:
    return {"record_type": "message", "uuid": id, "cost": cost, **more}


MESSAGES = [
    message("m1", "0.10", created_at="2026-03-17T10:00:00Z", completed_at="2026-03-17T10:02:30Z"),
    message("m2", "0.00026660001", created_at="2026-03-18T10:00:00Z", completed_at="2026-03-18T11:00:00Z"),
    message("m3", "2", currency="EUR", direction="inbound"),
]


def rows(page: Element) -> list[list[str]]:
    return [[cell.text for cell in row.all("td")] for row in page.one("tbody").all("tr")]


def ids(page: Element) -> list[str]:
    return [row.all("code")[0].text for body in page.all("tbody") for row in body.all("tr")]


def tiles(page: Element) -> dict[str, str]:
    return {tile.one("h2").text: " ".join(part.text for part in tile.all("p")) for tile in page.all(class_="tile")}


def test_a_row_has_the_total_of_the_whole_session(show: Show):
    page = show(records=example("ai-call"))
    (row,) = rows(page)
    assert row[1:5] == ["$0.2128", "17 Mar 2026 10:00:00 UTC", "2 min 32 s", "11"]
    assert page.one("tbody").one("a").attributes["href"] == (
        "/sessions/call-session/a1b2c3d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
    )
    bar = page.one("tbody").one("svg")
    assert bar.attributes["aria-label"].startswith("ai-voice-assistant $0.1800; inference $0.0121;")
    assert len(bar.all("rect")) == 1 + 6
    assert tiles(page) == {"Total cost": "$0.2128", "Sessions": "1", "Events": "11"}


def test_the_numbers_are_those_of_the_api(inside: Any, client: Any, show: Show):
    demo.load(inside.service.store, datetime.now(UTC))
    while inside.service.store.sessions.refresh():
        pass
    for query in ("", "sort=-total", "filter[status]=in_progress", "filter[record_type]=fax-api,message&limit=500"):
        answer = client.get(f"/v2/sessions?{query}").json()
        page = show(query)
        found = [(row[0].split()[1], row[1], row[4]) for row in rows(page)]
        assert len(found) > 0
        assert found == [(row["id"], amounts(row), f"{row['event_count']:,}") for row in answer["data"]]
        total = answer["meta"]["total"]
        figures = tiles(page)
        assert (figures["Sessions"], figures["Events"]) == (f"{total['session_count']:,}", f"{total['event_count']:,}")
        for part in total["cost"]:
            assert shown.amount_text(money.read(part["total"]), part["currency"]) in figures["Total cost"]
        assert ("Unpriced so far" in figures) == (total["unpriced_count"] > 0)


def amounts(row: dict[str, Any]) -> str:
    cost = row["cost"]
    others = [(each["total"], each["currency"]) for each in cost.get("other_currencies", ())]
    text = "+ ".join(
        shown.amount_text(money.read(total), code) for total, code in [(cost["total"], cost["currency"]), *others]
    )
    return text + (f"{row['unpriced_count']} unpriced" if row["unpriced_count"] else "")


def test_an_amount_that_is_rounded_has_the_exact_one_as_its_title(show: Show):
    page = show("filter[total][lt]=0.01", MESSAGES)
    (amount,) = page.one("tbody").all(class_="number")[0].all("span")
    assert (amount.text, amount.attributes["title"]) == ("$0.0003", "0.00026660001 USD")


@pytest.mark.parametrize(
    ("query", "first", "sums"),
    [
        ("", "€2.0000+ $0.5000", "$0.6003 + €4.0000"),
        ("sort=-total", "$0.5000+ €2.0000", "$0.6003 + €4.0000"),
        ("sort=-total&filter[currency]=EUR", "€2.0000+ $0.5000", "€4.0000 + $0.5000"),
        ("filter[currency]=USD", "$0.5000+ €2.0000", "$0.6003 + €2.0000"),
    ],
)
def test_the_amount_that_ranks_or_selects_stands_first(show: Show, query: str, first: str, sums: str):
    """A call whose own currency is EUR, as most of its records are."""
    costs = [("a", "1", "EUR"), ("b", "1", "EUR"), ("c", "0.5", "USD")]
    legs = [{"record_type": "recording", "id": id, "telnyx_session_id": "s", "cost": cost, "currency": currency}
            for id, cost, currency in costs]  # fmt: skip
    page = show(query, [*MESSAGES, *legs])
    (row,) = [row for row in rows(page) if row[0].split()[1] == "s"]
    assert (row[1], tiles(page)["Total cost"]) == (first, sums)


def test_currencies_are_never_added(show: Show):
    page = show(records=MESSAGES)
    assert tiles(page)["Total cost"] == "$0.1003 + €2.0000"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["m2", "m1", "m3"]),
        ("sort=started_at", ["m1", "m2", "m3"]),
        ("sort=-total", ["m1", "m2", "m3"]),
        ("sort=duration", ["m1", "m2", "m3"]),
        ("filter[started_at][gte]=2026-03-18", ["m2"]),
        ("filter[currency]=EUR", ["m3"]),
        ("filter[record_type]=message&filter[direction]=inbound", ["m3"]),
        ("filter[total][gte]=0.1&filter[total][lte]=0.10", ["m1"]),
        ("filter[total][gte]=&filter[record_type]=&filter[date_range]=&sort=", ["m2", "m1", "m3"]),
    ],
)
def test_filters_and_orders_are_those_of_the_api(show: Show, query: str, expected: list[str]):
    assert ids(show(query, MESSAGES)) == expected


def test_the_form_shows_what_is_selected_and_keeps_the_rest(show: Show):
    query = "filter[record_type]=message&filter[direction]=inbound&filter[started_at][lt]=2027-01-01&limit=7&cursor="
    page = show(query, [message("m1", direction="inbound", created_at="2026-03-17")])
    form = page.one("form", aria_label="Filters")
    chosen = {
        select.attributes["name"]: option.attributes["value"]
        for select in form.all("select")
        for option in select.all("option")
        if "selected" in option.attributes
    }
    assert chosen["filter[record_type]"] == "message"
    assert chosen["sort"] == "-started_at"
    assert form.one("input", name="filter[started_at][lt]").attributes["value"] == "2027-01-01"
    hidden = {each.attributes["name"]: each.attributes["value"] for each in form.all("input", type="hidden")}
    assert hidden == {"filter[direction]": "inbound", "limit": "7"}
    (chip,) = form.one("ul", class_="chips").all("li")
    assert chip.one("bdi").text == "direction = inbound"
    assert "direction" not in chip.one("a").attributes["href"]
    assert "record_type" in chip.one("a").attributes["href"]


def test_a_link_to_an_exact_moment_is_kept_by_the_form(show: Show):
    page = show(urlencode({"filter[started_at][gte]": "2026-03-16T23:00:00Z"}), MESSAGES)
    field = page.one("input", name="filter[started_at][gte]")
    assert (field.attributes["value"], field.attributes.get("type")) == ("2026-03-16T23:00:00Z", None)


def test_a_choice_of_several_values_is_kept_by_the_form(show: Show):
    page = show("filter[record_type]=message,fax-api", MESSAGES)
    chosen = [each.text for each in page.all("option") if "selected" in each.attributes]
    assert "message, fax-api" in chosen


def test_the_heads_of_columns_sort(show: Show):
    page = show("filter[currency]=USD", MESSAGES)
    heads = {head.text: head for head in page.all("th") if head.all("a")}
    assert {name: head.attributes.get("aria-sort") for name, head in heads.items()} == {
        "Total": None,
        "Started": "descending",
        "Duration": None,
        "Events": None,
    }
    by_total = heads["Total"].one("a").attributes["href"]
    assert by_total == "/sessions?filter%5Bcurrency%5D=USD&sort=-total"
    again = show(path=by_total)
    assert (ids(again), [head.text for head in again.all("th", aria_sort="descending")]) == (["m1", "m2"], ["Total"])
    turned = next(head for head in again.all("th") if head.text == "Total").one("a").attributes["href"]
    assert ids(show(path=turned)) == ["m2", "m1"]


def test_paging_to_the_end_gives_every_session_once(show: Show):
    sent = [message(f"m{at:02}", f"0.{at:02}", created_at=f"2026-03-{at + 1:02}") for at in range(23)]
    show(records=sent)
    found, path = [], "/sessions?limit=5&sort=total"
    while path:
        page = show(path=path)
        found.append(ids(page))
        path = next((link.attributes["href"] for link in page.all("a", rel="next")), "")
    assert [len(each) for each in found] == [5, 5, 5, 5, 3]
    assert [id for each in found for id in each] == [record["uuid"] for record in sent]
    (first,) = [link for link in page.all("a") if link.text == "First page"]
    assert first.attributes["href"] == "/sessions?limit=5&sort=total"


def test_json_is_what_the_api_answers(client: Any, signed_in: Any, show: Show):
    page = show("limit=2", MESSAGES)
    (link,) = [each for each in page.all("a") if each.text == "JSON"]
    answer = signed_in.get(link.attributes["href"])
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == client.get("/v2/sessions?limit=2").json()
    assert page.one("link", rel="alternate").attributes["href"] == link.attributes["href"]


def test_csv_is_what_the_command_line_prints(inside: Any, signed_in: Any, show: Show):
    page = show("limit=2&sort=-total", [*MESSAGES, message("=cmd()", "1", currency="JPY")])
    links = {each.text: each.attributes["href"] for each in page.all("a")}
    store = inside.service.settings.store
    for name, more in (("CSV of this page", ["--limit", "2"]), ("CSV of all 4", ["--all"])):
        answer = signed_in.get(links[name])
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="sessions.csv"'
        assert answer.headers["cache-control"] == "no-store"
        printed = call("sessions", "--store", store, "--sort", "-total", "--csv", *more)
        assert answer.text == printed.stdout
    assert [row["id"] for row in csv.DictReader(io.StringIO(answer.text))][-1] == "'=cmd()"


def test_all_rows_begin_at_the_first_wherever_the_reader_is(signed_in: Any, show: Show):
    page = show("limit=2", MESSAGES)
    second = show(path=page.one("a", rel="next").attributes["href"])
    (link,) = [each.attributes["href"] for each in second.all("a") if each.text == "CSV of all 3"]
    assert len(signed_in.get(link).text.splitlines()) == 1 + 3


def news(page: Element, signed_in: Any) -> int:
    count: int = signed_in.get(page.one("button", id="news").attributes["data-news"]).json()["count"]
    return count


def test_news_counts_the_sessions_that_changed_since_the_page(inside: Any, client: Any, signed_in: Any, show: Show):
    page = show(records=MESSAGES)
    assert news(page, signed_in) == 0
    post(inside, client, [message("m1", "0.11"), message("m4")])
    post(inside, client, [message("m1", "0.12")])
    assert news(page, signed_in) == 2
    assert news(show(), signed_in) == 0
    post(inside, client, [message(f"n{at}") for at in range(120)])
    assert news(page, signed_in) == 100
    assert signed_in.get("/sessions/news?since=999999").status_code == 400


def test_news_of_other_accounts_are_no_news(inside: Any, client: Any, signed_in: Any, show: Show):
    page = show(records=MESSAGES)
    headers = {"Authorization": f"Bearer {inside.other_key}"}
    assert client.post("/v2/detail_records", json=[message("x")], headers=headers).status_code == 200
    while inside.service.store.sessions.refresh():
        pass
    assert news(page, signed_in) == 0
    assert ids(show()) == ["m2", "m1", "m3"]


def test_no_records_yet_says_how_to_import(show: Show):
    page = show()
    assert page.one("h2").text == "There are no records yet"
    assert "sessiontree import records.ndjson" in page.one("main").text
    assert "http://testserver/v2/detail_records" in page.one("main").text
    assert page.all("form", aria_label="Filters") == []


def test_nothing_fits_says_so_and_how_to_go_on(show: Show):
    page = show("filter[total][gt]=100&sort=total", MESSAGES)
    empty = page.one("section", class_="empty")
    assert empty.one("h2").text == "No session fits"
    assert ids(show(path=empty.one("a").attributes["href"])) == ["m2", "m1", "m3"]
    assert tiles(page)["Sessions"] == "0"


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("sort=colour", "sort is one of"),
        ("filter[total][gte]=ten", "decimal"),
        ("filter[currency]=CHF", "no session has an amount in CHF"),
        ("cursor=abc", "cursor"),
        ("format=pdf", "format"),
        ("limit=0", "limit"),
        ("filter[total][gte]=2&filter[total][lte]=1", "ends before it begins"),
        ("sort=total&sort=duration", "given 2 times"),
    ],
)
def test_what_cannot_be_asked_is_told(signed_in: Any, show: Show, query: str, word: str):
    show(records=MESSAGES)
    answer = signed_in.get(f"/sessions?{query}")
    assert (answer.status_code, read(answer.text).one("h1").text) == (400, "This cannot be asked")
    assert word.lower() in read(answer.text).one("main").text.lower()


def test_whatever_records_and_addresses_hold_is_shown_as_text(show: Show):
    record = {"record_type": "recording", "id": NASTY, "cost": "1", "currency": "JPY", "note": NASTY}
    page = show(urlencode({"filter[record_type]": "recording", "filter[note]": NASTY}), [record])
    assert len(page.all("script")) == 2
    link = page.one("tbody").all("a")[0]
    assert link.one("code").raw == NASTY
    assert link.attributes["href"] == f"/sessions/recording/{quote(NASTY, safe='')}"
    assert page.one("ul", class_="chips").one("bdi").raw == f"note = {NASTY}"


def test_problems_open_and_unpriced_sessions_are_marked(show: Show):
    records = [
        *example("fallback-link"),
        {"record_type": "call-control", "id": "leg", "telnyx_session_id": "s", "telnyx_leg_id": "l", "cost": None},
        {"record_type": "inference", "id": "t", "conversation_id": "gone", "cost": "-0.5"},
    ]
    found = {row[0].split()[1]: row for row in rows(show(records=records))}
    assert found["s"][1] == "$0.00001 unpriced"
    assert found["s"][2:4] == ["unknown", "–"]  # noqa: RUF001
    assert (found["t"][1], "unlinked" in found["t"][6]) == ("−$0.5000", True)  # noqa: RUF001
    assert any("problem" in row[6] for row in found.values())


def test_a_key_that_may_only_read_sees_the_list(inside: Any, client: Any, pages: Any):
    post(inside, client, MESSAGES)
    pages.post("/sign-in", data={"key": inside.read_key})
    assert ids(read(pages.get("/sessions").text)) == ["m2", "m1", "m3"]
    pages.cookies.clear()
    answer = pages.get("/sessions?sort=total")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/sessions%3Fsort%3Dtotal")
    assert pages.get("/sessions/news?since=0").status_code == 303


def test_json_of_an_empty_store_is_a_list(signed_in: Any):
    assert json.loads(signed_in.get("/sessions?format=json").text)["data"] == []
    assert len(signed_in.get("/sessions?format=csv").text.splitlines()) == 1
