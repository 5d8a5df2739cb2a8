"""The pages of the catalogue: the picture and its text, and one type with all that is declared of it."""

import dataclasses
from typing import Any

import pytest

from page_help import GUIDE_CALL, Element, example, read
from sessiontree import catalog_files
from sessiontree.catalog import Catalog, Relationship, Via
from sessiontree.pages.catalogue_picture import BOX_HEIGHT, BOX_WIDTH, Picture, families, picture

CATALOG = catalog_files.load()


def colors(catalog: Catalog) -> dict[str, int]:
    return {declared.category: 0 for declared in catalog.types.values()}


def drawn(catalog: Catalog) -> list[Picture]:
    return [picture(catalog, family, colors(catalog)) for family in families(catalog)[0]]


def with_parents(**parents: tuple[str, ...]) -> Catalog:
    """A catalogue of these types alone, under these parents."""
    plain = CATALOG.types["verify"]
    types = {
        name: dataclasses.replace(
            plain, name=name, parents=tuple(Relationship(name, each, (Via("a", "b"),), "") for each in above)
        )
        for name, above in parents.items()
    }
    return Catalog(types, CATALOG.updated)


def test_every_type_is_in_a_family_or_alone():
    related, alone = families(CATALOG)
    assert sorted([*alone, *(name for family in related for name in family)]) == sorted(CATALOG.types)
    assert [len(family) for family in related] == [16, 2]
    assert "conference" in related[0]
    for name in alone:
        assert not CATALOG.types[name].parents
        assert not CATALOG.children[name]


@pytest.mark.parametrize(
    "catalog",
    [
        CATALOG,
        with_parents(a=("b",), b=("a",), c=("b",)),
        with_parents(a=("a",), b=("a",)),
        with_parents(a=(), b=("a", "c"), c=(), d=("c", "a"), e=("d", "b")),
    ],
    ids=["shipped", "circle", "own parent", "two parents"],
)
def test_boxes_do_not_cover_one_another_and_every_relationship_has_a_line(catalog: Catalog):
    for each in drawn(catalog):
        corners = {(box.x, box.y) for box in each.boxes}
        assert len(corners) == len(each.boxes)
        assert len({box.name for box in each.boxes}) == len(each.boxes)
        for box in each.boxes:
            assert box.x + BOX_WIDTH < each.width
            assert box.y + BOX_HEIGHT < each.height
            assert not any(
                box is not other and abs(box.x - other.x) < BOX_WIDTH and abs(box.y - other.y) < BOX_HEIGHT
                for other in each.boxes
            )
        parents = [len(catalog.types[box.name].parents) for box in each.boxes]
        assert len(each.lines) == sum(parents)
        assert len([line for line in each.lines if line.second]) == sum(max(0, number - 1) for number in parents)


def test_parents_stand_left_of_their_children():
    (calls, _) = drawn(CATALOG)
    left = {box.name: box.x for box in calls.boxes}
    for name in left:
        for each in CATALOG.types[name].parents:
            assert left[each.parent] < left[name]
    notes = {box.name: box.note for box in calls.boxes}
    assert (notes["inference"], notes["amd"]) == ("by conversation_id", "call_leg_id = telnyx_leg_id")
    assert (notes["call-session"], notes["conference"]) == ("needs no record", "")


@pytest.fixture
def guide(client: Any) -> None:
    client.post("/v2/detail_records", json=example("ai-call"))


@pytest.mark.usefixtures("guide")
def test_the_page_has_every_type_in_the_picture_or_alone_and_in_the_tables(client: Any, signed_in: Any):
    page = read(signed_in.get("/catalogue").text)
    related, alone = families(CATALOG)
    in_pictures = {link.attributes["href"].rpartition("/")[2] for svg in page.all("svg") for link in svg.all("a")}
    assert in_pictures == {name for family in related for name in family}
    chips = {link.text for link in page.one("section", class_="alone").all("a")}
    assert chips == set(alone)
    rows = {row.one("th").text: row.all("td") for table in page.all("table") for row in table.one("tbody").all("tr")}
    assert set(rows) == set(CATALOG.types)
    assert rows["ai-voice-assistant"][1].text == (
        "call-control by telnyx_leg_id = telnyx_leg_id, else telnyx_session_id = telnyx_session_id"
    )
    assert (rows["inference"][3].text, rows["amd"][3].text) == ("5", "0")
    assert signed_in.get("/catalogue?format=json").json() == client.get("/v2/session_analysis/metadata").json()


def relations(page: Element, heading: str) -> dict[str, list[str]]:
    section = page.one("section", aria_labelledby=heading)
    found = section.all("ul", class_="relations")
    items = [part for part in found[0].parts if isinstance(part, Element)] if found else []
    return {each.one("h3").text: [via.text for via in each.one("ol").all("li")] for each in items}


@pytest.mark.usefixtures("guide")
def test_the_page_of_a_type_tells_its_links_in_order(inside: Any, client: Any, signed_in: Any):
    while inside.service.store.sessions.refresh():
        pass
    page = read(signed_in.get("/catalogue/ai-voice-assistant").text)
    assert relations(page, "under") == {
        "call-control": [
            "its telnyx_leg_id = the parent\u2019s telnyx_leg_id",
            "its telnyx_session_id = the parent\u2019s telnyx_session_id",
        ]
    }
    assert relations(page, "below") == {"inference": ["the child\u2019s conversation_id = its conversation_id"]}
    text = page.one("main").text
    assert "At least one inference is expected where billed_sec is above 0" in text
    assert "rate, the price of 60 seconds, unless rate_measured_in names another unit" in text
    uses = {row.one("th").text: row.all("td")[1].text for row in page.one("tbody").all("tr")}
    assert uses["conversation_id"] == "a second id; found by: inference"
    assert uses["telnyx_leg_id"] == "finds its call-control"
    tiles = {tile.one("h2").text: tile.all("p")[0].text for tile in page.all("div", class_="tile")}
    assert (tiles["Records stored"], tiles["Sessions with it at the top"]) == ("1", "0")
    told = client.get("/v2/session_analysis/metadata/ai-voice-assistant").json()
    assert signed_in.get("/catalogue/ai-voice-assistant?format=json").json() == told


@pytest.mark.usefixtures("guide")
def test_a_type_without_records_has_the_latest_event_all_the_same(inside: Any, signed_in: Any):
    while inside.service.store.sessions.refresh():
        pass
    page = read(signed_in.get("/catalogue/call-session").text)
    assert page.one("a", href=GUIDE_CALL).text == "Its session"
    assert [link for link in page.all("a") if link.text == "Its record"] == []
    tiles = {tile.one("h2").text: tile.all("p")[0].text for tile in page.all("div", class_="tile")}
    assert (tiles["Records stored"], tiles["Sessions with it at the top"]) == ("0", "1")


@pytest.mark.parametrize("name", sorted(CATALOG.types))
def test_every_type_has_a_page(signed_in: Any, name: str):
    answer = signed_in.get(f"/catalogue/{name}")
    assert answer.status_code == 200
    page = read(answer.text)
    assert page.one("h1").text == name
    fields = [row.one("th").text for row in page.one("tbody").all("tr")]
    assert fields == list(CATALOG.types[name].fields)


def test_other_names_lead_to_the_type_or_nowhere(signed_in: Any):
    answer = signed_in.get("/catalogue/amd_detail_record?format=json")
    assert (answer.status_code, answer.headers["location"]) == (303, "/catalogue/amd?format=json")
    assert signed_in.get("/catalogue/nonsense").status_code == 404
    assert signed_in.get("/catalogue?format=pdf").status_code == 400
