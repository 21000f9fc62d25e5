"""A worker's log lines as programs read them."""

from __future__ import annotations

import json
import logging
import sys

from livekit_bithuman.fleet.logs import JsonLines


def test_a_line_is_one_object_with_what_it_is_about() -> None:
    record = logging.LogRecord("livekit_bithuman", logging.WARNING, "", 1, "an avatar left: %s", ("a\nline",), None)
    record.session, record.segment = "3fa9c1", "2"
    line = JsonLines().format(record)
    told = json.loads(line)
    assert "\n" not in line
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "WARNING",
        "logger": "livekit_bithuman",
        "message": "an avatar left: a\nline",
        "session": "3fa9c1",
        "segment": "2",
    }


def test_an_error_and_what_is_no_json_are_told_as_text() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", None, sys.exc_info())
    record.thing = object
    told = json.loads(JsonLines().format(record))
    assert "ValueError: no" in told["error"]
    assert told["thing"] == "<class 'object'>"
