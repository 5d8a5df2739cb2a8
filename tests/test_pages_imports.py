"""The page of imports: what it lists, what it says before one is undone, and who may undo."""

from datetime import UTC, datetime
from typing import Any

from page_help import Element, example, read
from sessiontree.store.intakes import Origin, Share, new_id


def form_token(page: Element) -> str:
    return page.one("form", action="/sign-out").one("input", name="form_token").attributes["value"]


def send(client: Any, *records: dict[str, Any]) -> str:
    answer = client.post("/v2/detail_records", json=list(records))
    id = answer.json()["data"]["import_id"]
    assert isinstance(id, str)
    return id


def leg(id: str, **fields: Any) -> dict[str, Any]:
    return {"record_type": "call-control", "id": id, "telnyx_session_id": "s", **fields}


def facts(page: Element) -> dict[str, str]:
    named = page.one("dl", class_="facts")
    return {name.text: value.text for name, value in zip(named.all("dt"), named.all("dd"), strict=True)}


def test_without_imports_the_page_says_how_to_begin(signed_in: Any):
    page = read(signed_in.get("/imports").text)
    assert page.one("section", class_="empty").one("h2").text == "There are no records yet"


def test_imports_are_listed_as_the_api_has_them(inside: Any, client: Any, signed_in: Any):
    first = send(client, *example("ai-call"))
    second = send(client, leg("a", cost="1"), {"record_type": "nonsense", "id": "<b>"})
    page = read(signed_in.get("/imports").text)
    rows = [[cell.text for cell in row.all("td")] for row in page.one("tbody").all("tr")]
    assert [row[2:8] for row in rows] == [["2", "1", "0", "0", "1", "stored"], ["10", "10", "0", "0", "0", "stored"]]
    assert [id in row[0] for id, row in zip((second, first), rows, strict=True)] == [True, True]
    assert f"key {inside.key[:11]}…" in rows[0][1]
    twin = page.one("link", type="application/json").attributes["href"]
    assert signed_in.get(twin).json() == client.get("/v2/imports").json()


def test_files_and_requests_can_be_listed_by_themselves(inside: Any, client: Any, signed_in: Any):
    request = send(client, leg("a"))
    files = Origin(new_id(), files="a.ndjson")
    inside.service.store.add("default", [], datetime.now(UTC), [Share(files, 0, rejected=1200)])
    begun = Origin(new_id(), files="b.ndjson")
    inside.service.store.add("default", [], datetime.now(UTC), [Share(begun, 0, rejected=1, more=True)])

    def listed(path: str) -> tuple[list[str], str]:
        page = read(signed_in.get(path).text)
        choice = page.one("nav", class_="choice")
        (chosen,) = [link.text for link in choice.all("a") if "aria-current" in link.attributes]
        return [row.all("code")[0].text for row in page.one("tbody").all("tr")], chosen

    links = {
        link.text: link.attributes["href"]
        for link in read(signed_in.get("/imports").text).one("nav", class_="choice").all("a")
    }
    assert listed(links["All"]) == ([begun.id, files.id, request], "All")
    assert listed(links["Files"]) == ([begun.id, files.id], "Files")
    assert listed(links["Requests"]) == ([request], "Requests")
    page = read(signed_in.get(links["Files"]).text)
    rows = [[cell.text for cell in row.all("td")] for row in page.one("tbody").all("tr")]
    assert [row[6:8] for row in rows] == [["1", "unfinished"], ["1,200", "rejected"]]
    assert [link for link in page.all("a") if link.attributes["href"].endswith("/undo")] == []
    refused = read(signed_in.get(f"/imports/{files.id}/undo").text)
    assert refused.one("h1").text == "Nothing of this import is stored"
    assert refused.one("main").all("form") == []
    asking = read(signed_in.get(f"/imports/{begun.id}/undo").text)
    assert "still under way, this breaks it off" in asking.one("p", class_="notice").text
    assert signed_in.get("/imports?filter[source]=files").status_code == 400
    twin = page.one("link", type="application/json").attributes["href"]
    assert signed_in.get(twin).json() == client.get("/v2/imports?filter[source]=file").json()


def test_a_source_without_imports_leads_back_to_all(client: Any, signed_in: Any):
    send(client, leg("a"))
    page = read(signed_in.get("/imports?filter[source]=file").text)
    assert page.one("section", class_="empty").one("h2").text == "No files were imported"
    assert page.one("section", class_="empty").one("a").attributes["href"] == "/imports"


def test_pages_of_imports_follow_one_another(client: Any, signed_in: Any):
    ids = [send(client, leg(f"{n}")) for n in range(3)]
    page = read(signed_in.get("/imports?limit=2").text)
    following = page.one("a", rel="next").attributes["href"]
    assert following.startswith("/imports?limit=2&cursor=")
    page = read(signed_in.get(following).text)
    assert [row.all("code")[0].text for row in page.one("tbody").all("tr")] == [ids[0]]
    assert page.all("a", rel="next") == []
    assert signed_in.get("/imports?cursor=x").status_code == 400


def test_undoing_shows_first_what_goes_and_then_does_it(inside: Any, client: Any, signed_in: Any):
    send(client, leg("a", cost="1"), leg("b", cost="2"))
    id = send(client, leg("a", cost="1.5"), leg("c", cost="0.25"), leg("d", currency="EUR", cost="3"))
    send(client, leg("c", cost="0.25"))
    while inside.service.store.sessions.refresh():
        pass
    path = f"/imports/{id}/undo"
    asking = read(signed_in.get(path).text)
    assert facts(asking) == {
        "Removed": "2 records",
        "Changed back": "1 record, to the content before",
        "Cost that goes": "€3.0000 + $0.7500",
        "Sessions": "1 changes or goes",
    }
    warning = asking.one("p", class_="notice").text
    assert warning.startswith("Later imports may have sent up to 1 record of these again, unchanged.")
    assert client.get("/v2/session_analysis/call-session/s").json()["meta"]["event_count"] == 5
    answer = signed_in.post(path, data={"form_token": form_token(asking)})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/imports?undone={id}")
    tree = client.get("/v2/session_analysis/call-session/s").json()
    assert (tree["meta"]["event_count"], tree["cost"]["total"]) == (3, "3.000000")
    page = read(signed_in.get(answer.headers["location"]).text)
    assert "is undone" in page.one("p", role="status", class_="notice").text
    assert page.all("a", href=path) == []
    assert read(signed_in.get(path).text).one("h1").text == "This import is undone already"


def test_who_may_only_read_sees_the_list_and_undoes_nothing(inside: Any, client: Any, pages: Any):
    id = send(client, leg("a"))
    pages.post("/sign-in", data={"key": inside.read_key})
    page = read(pages.get("/imports").text)
    assert id in page.text
    assert [link for link in page.all("a") if link.attributes["href"].endswith("/undo")] == []
    path = f"/imports/{id}/undo"
    assert pages.get(path).status_code == pages.post(path, data={"form_token": form_token(page)}).status_code == 403
    assert client.get("/v2/imports").json()["data"][0]["state"] == "stored"


def test_forms_must_be_ours_and_imports_of_the_account(inside: Any, client: Any, signed_in: Any):
    id = send(client, leg("a"))
    token = form_token(read(signed_in.get("/imports").text))
    path = f"/imports/{id}/undo"
    assert signed_in.post(path, data={}).status_code == 403
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert signed_in.post(path, data={"form_token": token}, headers=headers).status_code == 403
    other = {"Authorization": f"Bearer {inside.other_key}"}
    theirs = client.post("/v2/detail_records", json=leg("b"), headers=other).json()["data"]["import_id"]
    for unknown in (theirs, "0" * 16, "x"):
        assert signed_in.get(f"/imports/{unknown}/undo").status_code == 404
        assert signed_in.post(f"/imports/{unknown}/undo", data={"form_token": token}).status_code == 404
    assert theirs not in signed_in.get("/imports").text
    assert client.get("/v2/imports").json()["data"][0]["state"] == "stored"
