"""Settings: where they come from, which wins, and what is refused in one sentence."""

from dataclasses import fields
from pathlib import Path

import pytest

from sessiontree.settings import Settings, SettingsError, environment_name, load


def test_without_anything_the_defaults_hold():
    assert load({}, environ={}) == Settings()
    assert (Settings().host, Settings().port, Settings().store) == ("127.0.0.1", 8000, "sessiontree.db")


def test_the_command_line_wins_over_the_environment_over_the_file(tmp_path: Path):
    file = tmp_path / "settings.toml"
    file.write_text('port = 1\nstore = "file.db"\nevents_max = 7\n')
    environ = {"SESSIONTREE_CONFIG": str(file), "SESSIONTREE_PORT": "2", "SESSIONTREE_STORE": "environment.db"}
    settings = load({"port": 3, "store": None}, environ=environ)
    assert (settings.port, settings.store, settings.events_max) == (3, "environment.db", 7)
    assert load({}, config=str(file), environ={}).port == 1


@pytest.mark.parametrize("setting", [each.name for each in fields(Settings)])
def test_every_setting_can_be_set_in_the_environment(setting: str):
    value = {"log_level": "error", "port": "7", "workers": "7"}.get(setting, "12345")
    assert str(getattr(load({}, environ={environment_name(setting): value}), setting)) == value
    assert load({}, environ={environment_name(setting): ""}) == Settings()


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"SESSIONTREE_PORT": "x"}, "port"),
        ({"SESSIONTREE_PORT": "65536"}, "65535"),
        ({"SESSIONTREE_PORT": "-1"}, "port"),
        ({"SESSIONTREE_BODY_BYTES_MAX": "0"}, "from 1 on"),
        ({"SESSIONTREE_EVENTS_MAX": "1e5"}, "events_max"),
        ({"SESSIONTREE_LOG_LEVEL": "loud"}, "warning"),
        ({"SESSIONTREE_STROE": "x.db"}, "SESSIONTREE_STORE may be meant"),
        ({"SESSIONTREE_CONFIG": "/nowhere/at/all.toml"}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_one_clear_sentence(environ: dict[str, str], told: str):
    with pytest.raises(SettingsError, match=told) as caught:
        load({}, environ=environ)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [("prot = 1", "'prot' is no setting"), ("port = true", "port"), ("store = 1", "store is text"), ("port 1", "TOML")],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, told: str):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=told):
        load({}, config=str(file), environ={})


def test_variables_of_others_are_left_alone():
    environ = {"SESSIONTREE_KEY": "st_x", "SESSIONTREE_URL": "http://x", "SESSIONTREE_REQUIRE_NODE": "1"}
    assert load({}, environ=environ) == Settings()
