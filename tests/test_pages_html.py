"""The HTML of every page is valid: checked by html-validate, one of the packages that `npm ci` puts into tests/node."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import page_tour
from node_tools import FOLDER, installed
from sessiontree.pages.routes import page_routes

PARTS = {"/", "/favicon.ico", "/static/{version}/{name}", "/sessions/news"}
"""Paths of pages that answer no page; and the parts of the page of a session."""


def pages_of(inside: Any, client: Any, pages: Any) -> dict[str, str]:
    """Every page by its path, and who asked."""
    found = {f"nobody {path}": pages.get(path).text for path in page_tour.WITHOUT_SIGN_IN}
    pages.post("/sign-in", data={"key": inside.other_key})
    found |= {f"empty {path}": pages.get(path).text for path in page_tour.EMPTY}
    pages.post("/sign-in", data={"key": inside.key})
    assert client.post("/v2/detail_records", json=page_tour.records()).json()["data"]["rejected"] == 0
    while inside.service.store.sessions.refresh():
        pass
    found |= {path: pages.get(path).text for path in page_tour.paths(client.get, inside.key[:11])}
    token = re.findall(r'name="form_token" value="([^"]+)"', found["/keys"])[0]
    found["key made"] = pages.post("/keys", data={"form_token": token, "name": "<b>", "read": "on"}).text
    found["key not made"] = pages.post("/keys", data={"form_token": token}).text
    return found


@pytest.mark.long
def test_every_page_is_valid_html(inside: Any, client: Any, pages: Any, tmp_path: Path):
    checker = installed("html-validate") / "bin" / "html-validate.mjs"
    names = {}
    for at, (name, html) in enumerate(pages_of(inside, client, pages).items()):
        (tmp_path / f"{at}.html").write_text(html, encoding="utf-8")
        names[f"{at}.html"] = name
    (tmp_path / "wrong.html").write_text("<!doctype html><p><p id='a'><b id='a'></p>", encoding="utf-8")
    command = ["node", checker, "--config", FOLDER / "html-validate.json", "--formatter", "json", tmp_path]
    ran = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=120)
    assert ran.stdout, ran.stderr
    said = {
        Path(each["filePath"]).name: [f"{m['line']}: {m['ruleId']}: {m['message']}" for m in each["messages"]]
        for each in json.loads(ran.stdout)
    }
    assert said.pop("wrong.html"), "the checker looks at these files"
    assert {names[name]: messages for name, messages in said.items() if messages} == {}


def test_the_tour_goes_through_every_page(client: Any, inside: Any):
    client.post("/v2/detail_records", json=page_tour.records())
    gone = [path.partition("?")[0] for path in page_tour.paths(client.get, inside.key[:11])] + ["/sign-in"]
    patterns = {path for method, path, _ in page_routes() if method == "GET"} - PARTS
    wanted = [re.sub(r"\{\w+\}", "[^/]+", path) for path in patterns if not path.endswith(("/rows", "/details"))]
    assert [each for each in wanted if not any(re.fullmatch(each, path) for path in gone)] == []
