"""The watch on secrets itself: each way out is seen, and a run without a leak passes."""

from __future__ import annotations

from pathlib import Path

import pytest

SECRET = "an-account-secret-of-nobody"
ROOT = Path(__file__).parents[2]

_TEST = """
import logging
import pytest
from livekit import api, rtc
from livekit_bithuman.errors import AvatarError

def test_it(keep_secret):
    keep_secret({secret!r})
    {leak}
"""

_LEAKS = {
    "log line": "logging.getLogger('anybody').warning('asked with %s', {secret!r})",
    "field of a log line": "logging.getLogger('anybody').warning('asked', extra=dict(token={secret!r}))",
    "debug line": "logging.getLogger('livekit_bithuman').debug({secret!r})",
    "token": "api.AccessToken('key', 'k' * 32).with_attributes(dict(api_secret={secret!r})).to_jwt()",
    "attribute": "rtc.LocalParticipant.set_attributes(object(), dict(a={secret!r})).close()",
    "call": (
        "rtc.LocalParticipant.perform_rpc(object(), destination_identity='a', method='b', payload={secret!r}).close()"
    ),
    "packet": "rtc.LocalParticipant.publish_data(object(), {secret!r}.encode()).close()",
    "error": """
    with pytest.raises(AvatarError):
        raise AvatarError('it was ' + {secret!r})
""",
    "cause": """
    with pytest.raises(AvatarError):
        try:
            raise ValueError({secret!r})
        except ValueError as error:
            raise AvatarError('no') from error
""",
    "failure": "raise ValueError({secret!r})",
}


def _run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, leak: str) -> pytest.RunResult:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile(_TEST.format(secret=SECRET, leak=leak.format(secret=SECRET)))
    return pytester.runpytest_subprocess("-p", "tests.leaks", "-p", "no:asyncio", "-q")


@pytest.mark.parametrize("way", _LEAKS)
def test_each_way_out_fails_the_test_that_took_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    result = _run(pytester, monkeypatch, _LEAKS[way])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*a secret came out in *test_it*", "*SECRET*"])


def test_what_is_told_to_nobody_passes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    result = _run(pytester, monkeypatch, "logging.getLogger('anybody').warning('asked with a secret')")
    result.assert_outcomes(passed=1)


def test_what_comes_out_after_the_last_test_fails_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest(
        "import logging, pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        f"def pytest_sessionfinish(): logging.getLogger('anybody').warning({SECRET!r})\n"
    )
    result = _run(pytester, monkeypatch, "pass")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*after the last test*"])
