"""Processes with different declarations on one store, as an operator meets them: servers, commands, `apply`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli_help import STEP, call
from conftest import Server, running, until
from sessiontree import catalog_files, taking_back
from sessiontree.errors import SessionsDisputed
from sessiontree.reading import Reader
from sessiontree.store import Store, open_store
from sessiontree.verifying import verify

REFUSED = (
    "step is declared otherwise than where the sessions were made: if this catalogue is the newer one, run "
    "`sessiontree catalog apply` with it; if not, start this again with the newer one, named with --catalog"
)
OUTDATED = (
    "step was declared otherwise since this process began (`sessiontree catalog apply`): restart it with that catalogue"
)
APPLIED = """All stored records are read by the present catalogue; changed: step
Servers that run with other declarations go on storing, but leave sessions alone: restart them.
"""
STEPS = [{"record_type": "step", "id": f"{at}", "under": f"{at - at % 2}", "cost": "1"} for at in range(4)]
MORE = [{"record_type": "step", "id": "4", "under": "0", "cost": "1"}]


@pytest.fixture
def types(tmp_path: Path) -> Path:
    """A folder of two: the old declaration, and one in which the product has another name."""
    for name, text in (("old", STEP), ("new", STEP.replace('"steps"', '"walks"'))):
        (tmp_path / "types" / name).mkdir(parents=True)
        (tmp_path / "types" / name / "step.toml").write_text(text)
    return tmp_path / "types"


def products(where: str, folder: Path) -> set[str]:
    """Which of the two products the sessions name, as they are listed."""
    listed = call("sessions", "--store", where, "--catalog", folder, "--json")
    assert listed.exit_code == 0, listed.output
    return {name for name in ("steps", "walks") if f'"{name}"' in listed.stdout}


def proved(where: str, folder: Path) -> None:
    verified = call("verify", "--store", where, "--catalog", folder)
    assert verified.exit_code == 0, verified.output


def log(server: Server) -> str:
    return server.log.read_text()


def test_apply_beside_a_server_that_still_has_the_old_declarations(tmp_path: Path, where: str, types: Path):
    new = ("--store", where, "--catalog", types / "new")
    with running(tmp_path, where, "--catalog", str(types / "old")) as server:
        assert server.post(STEPS).status_code == 200
        until(lambda: '"steps"' in server.get("/v2/sessions").text)
        assert call("catalog", "apply", *new).exit_code == 0
        assert server.post(MORE).status_code == 200
        until(lambda: OUTDATED in log(server))
        refused = server.get("/v2/verify")
        assert (refused.status_code, refused.json()["errors"][0]["detail"]) == (
            503,
            "sessions are made by other declarations than those of this server: "
            "its operator should restart it with those",
        )
        assert server.get("/readyz").status_code == 200
        assert server.get("/v2/sessions").status_code == 200
        assert server.get("/v2/session_analysis/step/4").status_code == 200
        assert products(where, types / "new") == {"walks"}
        proved(where, types / "new")
        again = call("catalog", "apply", *new)
        assert (again.exit_code, again.stdout) == (0, APPLIED)
        proved(where, types / "new")
        assert "nothing to do" in call("catalog", "apply", *new).stdout
        refused = call("verify", "--store", where, "--catalog", types / "old")
        assert (refused.exit_code, refused.stdout, f"Error: {REFUSED}\n" in refused.stderr) == (1, "", True)
        assert server.get("/v2/export?format=focus").status_code == 503  # nothing waits, and it would lack amounts
        refused = call("export", "--store", where, "--catalog", types / "old", "-o", tmp_path / "all.csv")
        assert (refused.exit_code, f"Error: {REFUSED}\n" in refused.stderr) == (1, True)
        assert not list(tmp_path.glob("all.csv*"))
        assert log(server).count(f"sessions wait to be refreshed: {OUTDATED}") == 1


def test_servers_with_the_new_declarations_wait_until_they_are_applied(tmp_path: Path, where: str, types: Path):
    old, new = (("--store", where, "--catalog", types / name) for name in ("old", "new"))
    file = tmp_path / "steps.ndjson"
    file.write_text("".join(json.dumps(each) + "\n" for each in STEPS))
    assert call("import", *old, file).exit_code == 0
    with running(tmp_path, where, "--catalog", str(types / "new")) as server:
        assert server.post(MORE).status_code == 200
        until(lambda: f"sessions wait to be refreshed: {REFUSED}" in log(server))
        assert f"WARNING {REFUSED}" in log(server), "at its start, before anything is refreshed"
        assert call("import", *new, file).stderr == f"Error: {REFUSED}\n"
        assert (
            server.get("/v2/verify")
            .json()["errors"][0]["detail"]
            .endswith(
                "its operator should apply its own with `sessiontree catalog apply` if they are the newer ones, "
                "else restart it with those"
            )
        )
        assert call("catalog", "apply", *new).exit_code == 0
        until(lambda: "sessions are refreshed again" in log(server))
        assert '"steps"' not in server.get("/v2/sessions").text
        proved(where, types / "new")


def add(store: Store, *records: dict[str, Any]) -> None:
    read = Reader(store.catalog).read
    store.add("default", [read(json.dumps(each).encode()) for each in records], datetime.now(UTC))


@pytest.mark.sqlite_only("there, working out and writing are two transactions")
def test_what_was_worked_out_before_a_re_read_began_is_not_written(where: str, types: Path):
    old, new = (open_store(where, catalog_files.load(types / name)) for name in ("old", "new"))
    add(old, *STEPS)
    taking_back.refresh(old)
    add(old, *[{"record_type": "step", "id": f"n{at}", "under": f"{at % 4}", "cost": "1"} for at in range(1000)])
    took = old.sessions._pace.took  # type: ignore[attr-defined]

    def meanwhile(*numbers: Any) -> None:
        took(*numbers)
        list(new.reread())

    old.sessions._pace.took = meanwhile  # type: ignore[attr-defined]
    with pytest.raises(SessionsDisputed):
        old.sessions.refresh()
    taking_back.refresh(new)
    assert verify(new, "default").differences == []
    old.close()
    new.close()
