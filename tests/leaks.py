"""Fails a test that lets a secret out: into a token, an attribute, metadata, a call, a packet, a log line or an error.

A test that uses a secret registers it with the fixture `keep_secret`; from then on, to the end of the run, nothing that
is recorded here may contain it. What a service is told in the headers of a request is not recorded: there it belongs.
"""

from __future__ import annotations

import base64
import functools
import inspect
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from livekit import api, rtc

#: Methods of the agent's participant that put something where others in the room can read it.
_PUBLIC = (
    "perform_rpc",
    "publish_data",
    "publish_transcription",
    "send_file",
    "send_text",
    "set_attributes",
    "set_metadata",
    "set_name",
    "stream_bytes",
    "stream_text",
)


class Leaks:
    """What came out since the last look, and the secrets that must not be in it."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._heard: list[tuple[str, str]] = []  # where, and what

    def keep(self, *secrets: str) -> None:
        """Nothing may contain these from now on."""
        for secret in secrets:
            assert len(secret) >= 8, "a secret this short is found everywhere"
            self._secrets.update({secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()})

    def record(self, where: str, what: object) -> None:
        """Something came out."""
        self._heard.append((where, what if isinstance(what, str) else repr(what)))

    def found(self) -> list[str]:
        """Where secrets came out since the last look; the secrets themselves are not said."""
        heard, self._heard = self._heard, []
        return [
            f"{where}: {self._masked(what)}" for where, what in heard if any(secret in what for secret in self._secrets)
        ]

    def _masked(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "[SECRET]")
        at = text.find("[SECRET]")
        return text[max(0, at - 200) : at + 200]


LEAKS = Leaks()


_PLAIN = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def _logged(record: logging.LogRecord) -> None:
    LEAKS.record(f"a log line of {record.name}", f"{record.msg} {record.args}")
    extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
    if extra:
        LEAKS.record(f"a field of a log line of {record.name}", repr(extra))
    if record.exc_info and record.exc_info[1] is not None:
        LEAKS.record(f"a traceback in a log line of {record.name}", _told(record.exc_info[1]))


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _claims(token: str) -> str:
    """What a token says to whoever holds it."""
    try:
        return json.dumps(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")))
    except (IndexError, ValueError):
        return token


def _recording(owner: type, name: str, take: Callable[[dict[str, Any]], list[tuple[str, object]]]) -> None:
    """Let a method record what it is given, by parameter."""
    method = getattr(owner, name)
    parameters = inspect.signature(method)

    @functools.wraps(method)
    def recorded(*args: Any, **named: Any) -> Any:
        given = dict(parameters.bind(*args, **named).arguments)
        given.pop("self", None)
        for where, what in take(given):
            LEAKS.record(where, what)
        return method(*args, **named)

    _replace(owner, name, recorded)


def _replace(owner: type, name: str, method: Callable[..., Any]) -> None:
    setattr(owner, name, method)


def _whole(name: str, given: dict[str, Any]) -> list[tuple[str, object]]:
    return [(name, repr(given))]


def _watch() -> None:
    make = api.AccessToken.to_jwt

    @functools.wraps(make)
    def made(token: api.AccessToken) -> str:
        text = make(token)
        LEAKS.record("a token", _claims(text))
        return text

    _replace(api.AccessToken, "to_jwt", made)
    _recording(rtc.Room, "connect", lambda given: [("the token of a connection", _claims(str(given["token"])))])
    for name in _PUBLIC:
        if hasattr(rtc.LocalParticipant, name):
            _recording(rtc.LocalParticipant, name, functools.partial(_whole, name))

    raises = type(pytest.raises(KeyError))
    leave = raises.__exit__

    @functools.wraps(leave)
    def left(context: Any, kind: Any, error: BaseException | None, trace: Any) -> Any:
        if error is not None:
            LEAKS.record("an error that a test expected", _told(error))
        return leave(context, kind, error, trace)

    _replace(raises, "__exit__", left)
    call_handlers = logging.Logger.callHandlers

    def called(logger: logging.Logger, record: logging.LogRecord) -> None:
        _logged(record)
        call_handlers(logger, record)

    _replace(logging.Logger, "callHandlers", called)


def pytest_configure(config: pytest.Config) -> None:
    """Watch from before the first import of a test."""
    _watch()


@pytest.fixture
def keep_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Registers secrets that nothing may contain; debug lines are watched too while a test uses it."""
    ours = logging.getLogger("livekit_bithuman")
    level = ours.level
    ours.setLevel(logging.DEBUG)
    yield LEAKS.keep
    ours.setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Record what a test raised, and fail the one that let a secret out."""
    if call.excinfo is not None:
        LEAKS.record("the error that a test ended with", _told(call.excinfo.value))
    report: pytest.TestReport = yield  # type: ignore[assignment]
    found = LEAKS.found()
    if found:
        report.outcome = "failed"
        report.longrepr = "\n".join([f"a secret came out in {item.nodeid} ({call.when}):", *found])
    return report  # type: ignore[return-value]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for what came out after the last test."""
    found = LEAKS.found()
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for line in ["a secret came out after the last test:", *found]:
            session.config.get_terminal_writer().line(line, red=True)
