"""Spend as a page: the API's numbers in charts and tables, and the way from a bar to its sessions."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest

from cli_help import call
from page_help import Element, read
from sessiontree import demo, money
from sessiontree.pages import shown, spend_chart
from sessiontree.pages.spend_chart import Scale, series_of
from sessiontree.pages.spend_periods import BARS_MAX, chart_periods

Show = Callable[..., Element]
MARCH = "filter[started_at][gte]=2026-03-01&filter[started_at][lt]=2026-03-04"
RECORDS = [
    {"record_type": "message", "uuid": "m1", "cost": "0.10", "created_at": "2026-03-01T09:00:00Z"},
    {"record_type": "message", "uuid": "m2", "cost": "0.20", "created_at": "2026-03-03T23:30:00Z"},
    {"record_type": "fax-api", "id": "f1", "cost": "0.00000001", "started_at": "2026-03-01T09:00:00Z"},
    {"record_type": "message", "uuid": "m3", "cost": "7", "currency": "EUR", "created_at": "2026-03-02T00:00:00Z"},
    {"record_type": "message", "uuid": "m4", "cost": "-0.05", "created_at": "2026-03-01T09:00:00Z"},
    {"record_type": "message", "uuid": "m5", "cost": None, "created_at": "2026-03-01T09:00:00Z"},
]


@pytest.fixture
def show(inside: Any, client: Any, signed_in: Any) -> Show:
    """Sends records, then gives the page at an address."""

    def show(query: str = "", records: list[dict[str, Any]] | None = None, path: str = "/spend") -> Element:
        if records:
            answer = client.post("/v2/detail_records", json=records)
            assert answer.json()["data"]["rejected"] == 0, answer.text
            while inside.service.store.sessions.refresh():
                pass
        answer = signed_in.get(f"{path}?{query}" if query else path)
        assert answer.status_code == 200, answer.text
        return read(answer.text)

    return show


def table(page: Element, at: int = 0) -> list[list[str]]:
    rows = page.all("table")[at].all("tr")
    return [[cell.text for cell in row.all() if cell.tag in ("th", "td")] for row in rows]


def bars(page: Element) -> list[str]:
    return [title.text for svg in page.all("svg", class_="plot") for title in svg.all("title")]


def test_a_row_for_each_day_and_a_column_for_each_product(show: Show):
    page = show(MARCH + "&filter[currency]=USD", RECORDS)
    assert page.one("main").one("h2", id="in-USD").text == "Spend per day, USD"
    assert table(page) == [
        ["Day", "Total", "messaging", "fax-api"],
        ["2026-03-01", "$0.0500", "$0.0500", "<$0.0001"],
        ["2026-03-03", "$0.2000", "$0.2000", ""],
        ["Total", "$0.2500", "$0.2500", "<$0.0001"],
    ]
    assert bars(page) == [
        "2026-03-01, messaging: $0.0500",
        "2026-03-01, fax-api: <$0.0001",
        "2026-03-03, messaging: $0.2000",
    ]
    assert [item.text for item in page.one("ul", class_="legend").all("li")] == [
        "messaging $0.2500 100.0%",
        "fax-api <$0.0001 <0.1%",
    ]


def test_currencies_have_a_chart_each_and_are_never_added(show: Show):
    page = show(MARCH, RECORDS)
    heads = [head.text for head in page.all("h2")]
    assert [head for head in heads if "Spend" in head] == ["Spend per day, USD", "Spend per day, EUR"]
    assert [row[1:] for row in table(page, 1)] == [["Total", "messaging"], *[["€7.0000", "€7.0000"]] * 2]
    total = page.one(class_="total")
    assert total.one("h2").text == "Total cost"
    assert " ".join(part.text for part in total.all("p")) == "$0.2500 + €7.0000"


def test_the_tables_are_the_apis_numbers(inside: Any, client: Any, show: Show):
    demo.load(inside.service.store, datetime.now(UTC))
    while inside.service.store.sessions.refresh():
        pass
    for query in (
        "filter[date_range]=last_30_days",
        "group_by=month,session_type",
        "group_by=week",
        "group_by=hour,product&filter[date_range]=last_30_days",
    ):
        answer = client.get(f"/v2/spend?{query}").json()
        group_by = answer["meta"]["group_by"]
        expected: dict[tuple[str, str, str], int] = {}
        for row in answer["data"]:
            if row["cost"]["currency"]:
                period = (row[group_by[0]] or "without a time").removesuffix(":00:00Z").replace("T", " ")
                period += ":00" if group_by[0] == "hour" else ""
                by = row[group_by[1]] if len(group_by) > 1 else "Total"
                expected[row["cost"]["currency"], period, by] = money.read(row["cost"]["total"])
        page, found = show(query), {}
        for section in page.all("section", tabindex="0"):
            currency = section.attributes["aria-label"].removeprefix("Table, ")
            head, *lines, _ = [
                [cell.text for cell in row.all() if cell.tag in ("th", "td")] for row in section.all("tr")
            ]
            for line in lines:
                for name, text in list(zip(head, line, strict=True))[1 if len(group_by) == 1 else 2 :]:
                    if text:
                        found[currency, line[0], name] = text
        assert len(found) > 10
        assert found == {key: shown.amount_text(amount, key[0]) for key, amount in expected.items()}


def test_a_bar_leads_to_the_sessions_of_its_day_and_product(signed_in: Any, show: Show):
    asked = MARCH + "&time_zone=Europe/Berlin"
    page = show(asked, RECORDS)
    links = {link.one("title").text: link.attributes["href"] for link in page.all("a") if link.all("title")}
    href = links["2026-03-01, messaging: $0.0500"]
    at = signed_in.get(f"/spend{href}").headers["location"]
    assert {name: value for name, (value,) in parse_qs(urlsplit(at).query).items()} == {
        "filter[started_at][gte]": "2026-02-28T23:00:00Z",
        "filter[started_at][lt]": "2026-03-01T23:00:00Z",
        "filter[product]": "messaging",
        "filter[currency]": "USD",
    }
    found = show(path=at)
    assert sorted(code.text for code in found.one("tbody").all("code")) == ["m1", "m4"], (
        "m5 costs nothing in dollars yet"
    )
    cells = {cell.text: cell for cell in page.all("table")[0].all("a")}
    assert cells["$0.0500"].attributes["href"] == href
    assert "messaging" not in cells["2026-03-01"].attributes["href"]
    assert {link.attributes["tabindex"] for link in page.all("svg", class_="plot")[0].all("a")} == {"-1"}


def test_the_links_of_the_first_page_are_short_and_lead_to_the_same(signed_in: Any, show: Show):
    start = datetime.now(UTC) - timedelta(days=2)
    page = show(records=[{"record_type": "message", "uuid": "new", "cost": "1", "created_at": start.isoformat()}])
    (link,) = [each.attributes["href"] for each in page.one("tbody").all("a") if each.text == "$1.0000"]
    assert link == f"?sessions={start.date()},messaging,USD"
    at = signed_in.get(f"/spend{link}").headers["location"]
    assert parse_qs(urlsplit(at).query)["filter[started_at][gte]"] == [f"{start.date()}T00:00:00Z"]
    assert [code.text for code in show(path=at).one("tbody").all("code")] == ["new"]


@pytest.mark.parametrize("query", ["sessions=x", "sessions=,,", "sessions=2026-13-45,a,USD", "sessions=1999,,"])
def test_a_link_to_no_amount_is_refused(signed_in: Any, show: Show, query: str):
    show(MARCH, RECORDS)
    for rest in ("", "&group_by=product"):
        answer = signed_in.get(f"/spend?{query}{rest}")
        assert (answer.status_code, "no amount of this page" in answer.text) == (400, True)


def test_days_are_those_of_the_time_zone(show: Show):
    page = show(MARCH + "&time_zone=Asia/Tokyo&filter[currency]=USD", RECORDS)
    assert [row[0] for row in table(page)] == ["Day", "2026-03-01", "Total"]
    page = show("time_zone=Asia/Tokyo&filter[currency]=USD")
    assert [row[0] for row in table(page)] == ["Day", "2026-03-01", "2026-03-04", "Total"]


def test_credits_hang_below_zero(show: Show):
    credit = {"record_type": "message", "uuid": "c", "cost": "-3", "created_at": "2026-03-02T09:00:00Z"}
    page = show(MARCH + "&filter[currency]=USD", [*RECORDS, credit])
    plot = page.one("svg", class_="plot")
    zero = float(plot.one("line", class_="zero").attributes["y1"])
    boxes = {rect.one("title").text: rect.attributes for rect in plot.all("rect")}
    below, above = boxes["2026-03-02, messaging: −$3.0000"], boxes["2026-03-03, messaging: $0.2000"]  # noqa: RUF001
    assert float(below["y"]) == zero
    assert float(above["y"]) + float(above["height"]) == pytest.approx(zero)
    assert 10 < float(below["height"]) / float(above["height"]) < 20
    assert all(part.text == "" for part in page.all(class_="legend")[0].all(class_="muted")), (
        "no shares of a difference"
    )


def test_without_a_question_it_is_the_last_30_days(show: Show):
    now = datetime.now(UTC)
    new = {"record_type": "message", "uuid": "new", "cost": "1", "created_at": (now - timedelta(days=3)).isoformat()}
    page = show(records=[*RECORDS, new])
    assert table(page)[-1][1] == "$1.0000"
    assert len(page.one("svg", class_="plot").all("text")) == 8
    chosen = [option.text for option in page.all("option") if "selected" in option.attributes]
    assert "last 30 days" in chosen
    for link in (each.attributes["href"] for each in page.all("a") if each.text in ("CSV", "JSON")):
        assert "last_30_days" in link
    assert table(show("filter[date_range]=&group_by=day"))[-1][1] == "$1.2500"


def test_json_and_csv_are_those_of_the_api_and_the_command_line(inside: Any, client: Any, signed_in: Any, show: Show):
    page = show(MARCH, RECORDS)
    links = {each.text: each.attributes["href"] for each in page.all("a")}
    assert signed_in.get(links["JSON"]).json() == client.get(f"/v2/spend?{MARCH}").json()
    answer = signed_in.get(links["CSV"])
    printed = call(
        "spend", "--store", inside.service.settings.store, "--since", "2026-03-01", "--until", "2026-03-04", "--csv"
    )
    assert answer.text == printed.stdout
    assert answer.headers["content-disposition"] == 'attachment; filename="spend.csv"'


def test_other_groupings_are_the_rows_of_the_api(client: Any, show: Show):
    query = f"{MARCH}&group_by=product,record_type"
    page = show(query, RECORDS)
    assert [row[:3] + row[4:6] for row in table(page)] == [
        ["product", "record_type", "Cost", "Records", "Unpriced"],
        ["fax-api", "fax-api", "<$0.0001", "1", ""],
        ["messaging", "message", "€7.0000", "1", ""],
        ["messaging", "message", "$0.2500", "4", "1"],
    ]
    assert len(client.get(f"/v2/spend?{query}").json()["data"]) == 3
    hrefs = [link.attributes["href"] for link in page.one("tbody").all("a")]
    assert "filter%5Bproduct%5D=messaging" in hrefs[1]
    assert "filter%5Bcurrency%5D=EUR" in hrefs[1]


def test_a_field_of_the_records_can_be_grouped_by(show: Show):
    nasty = "<script>alert(1)</script>"
    record = {"record_type": "message", "uuid": "m1", "cost": "1", "created_at": "2026-03-01", "carrier": nasty}
    page = show("filter[record_type]=message&group_by=day,carrier", [record])
    assert table(page)[0] == ["Day", "Total", nasty]
    assert len(page.all("script")) == 1
    page = show("filter[record_type]=message&group_by=carrier,direction")
    assert table(page)[1][:3] == [nasty, "–", "$1.0000"]  # noqa: RUF001


def test_empty_states(show: Show):
    assert show().one("h2").text == "There are no records yet"
    page = show("filter[date_range]=today", RECORDS)
    empty = page.one("section", class_="empty")
    assert empty.one("h2").text == "Nothing was spent"
    assert table(show(path=empty.one("a").attributes["href"]))[-1][1] == "$0.2500"


def test_what_has_no_time_has_no_picture(show: Show):
    timeless = {"record_type": "message", "uuid": "m", "cost": "2", "currency": "EUR"}
    page = show("group_by=day,product", [*RECORDS[:3], timeless])
    assert [section.one("h2").text for section in page.all("section", class_="spend")] == [
        "Spend per day, USD",
        "Spend per day, EUR",
    ]
    assert len(page.all("svg", class_="plot")) == 1
    assert "Nothing of it has a time" in page.all("section", class_="spend")[1].text
    assert table(page, 1)[-1] == ["Total", "€2.0000", "€2.0000"]


def test_too_many_bars_are_said_to_be_too_many(show: Show):
    far = [
        {"record_type": "message", "uuid": "old", "cost": "1", "created_at": "2020-01-01"},
        {"record_type": "message", "uuid": "new", "cost": "1", "created_at": "2026-01-01"},
    ]
    page = show("group_by=day,product", far)
    assert page.all("svg", class_="plot") == []
    assert "too many bars" in page.one("main").text
    assert [row[0] for row in table(page)] == ["Day", "2020-01-01", "2026-01-01", "Total"]
    assert len(bars(show("group_by=month,product"))) == 2


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("time_zone=Mars", "Mars"),
        ("group_by=colour", "colour"),
        ("filter[currency]=CHF", "CHF"),
        ("format=x", "Format"),
    ],
)
def test_what_cannot_be_asked_is_told(signed_in: Any, show: Show, query: str, word: str):
    show(MARCH, RECORDS)
    answer = signed_in.get(f"/spend?{query}")
    assert (answer.status_code, word in read(answer.text).one("main").text) == (400, True)


def test_a_key_that_may_only_read_sees_it(inside: Any, client: Any, pages: Any):
    client.post("/v2/detail_records", json=RECORDS)
    pages.post("/sign-in", data={"key": inside.read_key})
    assert "$0.2500" in pages.get(f"/spend?{MARCH}").text
    pages.cookies.clear()
    pages.post("/sign-in", data={"key": inside.other_key})
    assert "There are no records yet" in pages.get(f"/spend?{MARCH}").text


@pytest.mark.parametrize(
    ("low", "high", "lines"),
    [
        (0, 30, [0, 10, 20, 30]),
        (0, 9, ["0", "2.5", "5", "7.5", "10"]),
        (-3, 1, [-3, -2, -1, 0, 1]),
        (-7, 0, [-8, -6, -4, -2, 0]),
        (0, 0, [0, 1]),
        (1, 1, [1, 2]),
    ],
)
def test_lines_stand_at_round_amounts(low: int, high: int, lines: list[Any]):
    scale = Scale(low * money.UNIT, high * money.UNIT)
    found = [money.plain(amount) if amount % money.UNIT else amount // money.UNIT for amount in scale.lines]
    assert [str(each) for each in found] == [str(each) for each in lines]
    heights = [scale.y(amount) for amount in scale.lines]
    assert heights == sorted(heights, reverse=True)
    assert 0 <= heights[-1] < heights[0] <= spend_chart.HEIGHT


def test_many_values_share_a_chart_with_the_largest_of_their_own():
    totals: dict[str | None, int] = {f"model {at}": 100 - at for at in range(30)}
    found = series_of(totals, lambda name, at: 3, none="none")
    assert [each.name for each in found][-1] == "others"
    assert (len(found), len(found[-1].values)) == (spend_chart.SERIES_MAX, 30 - spend_chart.SERIES_MAX + 1)
    assert len({each.color for each in found}) == len(found)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_periods_without_spend_are_on_the_chart():
    berlin = ZoneInfo("Europe/Berlin")
    found = chart_periods("day", berlin, ["2026-03-28", "2026-03-31"], None, None)
    assert found is not None
    assert [(each.label, (each.until - each.since) // timedelta(hours=1)) for each in found] == [
        ("2026-03-28", 24),
        ("2026-03-29", 23),
        ("2026-03-30", 24),
        ("2026-03-31", 24),
    ]
    found = chart_periods("month", UTC, ["2026-02"], at("2026-01-10"), at("2026-03-05"))
    assert found is not None
    assert [(each.label, each.since.day, each.until.day) for each in found] == [
        ("2026-01", 10, 1),
        ("2026-02", 1, 1),
        ("2026-03", 1, 5),
    ]
    found = chart_periods("week", berlin, ["2026-03-30"], None, None)
    assert found is not None
    assert [(each.since, each.until) for each in found] == [(at("2026-03-29T22:00"), at("2026-04-05T22:00"))]


def test_a_range_that_is_too_long_shrinks_to_what_there_is():
    labels = ["2026-03-01", "2026-03-03"]
    found = chart_periods("day", UTC, labels, at("0001-01-01"), at("9999-12-31"))
    assert found is not None
    assert [each.label for each in found] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert chart_periods("day", UTC, ["2020-01-01", "2026-01-01"], None, None) is None
    assert chart_periods("day", UTC, ["0001-01-01"], None, None) is None, "no calendar has the day before it"
    long = chart_periods(
        "hour", UTC, ["2026-03-01T00:00:00Z"], None, at("2026-03-01T00:00") + timedelta(hours=BARS_MAX)
    )
    assert long is not None
    assert len(long) == BARS_MAX
    assert chart_periods("day", UTC, [], None, None) == []


def test_links_with_odd_values_are_encoded(show: Show):
    page = show(urlencode({"group_by": "day,product", "time_zone": "America/Argentina/Buenos_Aires"}), RECORDS)
    (link,) = [each.attributes["href"] for each in page.all("a") if each.text == "JSON"]
    assert parse_qs(urlsplit(link).query)["time_zone"] == ["America/Argentina/Buenos_Aires"]
