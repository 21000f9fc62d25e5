"""What an `AvatarSession` says before it is started: which face it has, and what lacks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents import NOT_GIVEN

import livekit_bithuman
from livekit_bithuman import AvatarSession, BitHumanException, EngineNotFoundError
from livekit_bithuman.adapters.errors import InvalidAvatar, NotAuthorised, NotSupported
from livekit_bithuman.testing import MarkerEngine

SECRET = "a-secret-of-the-argument-tests"


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET", "KEY", "TOKEN", "URL"):
        monkeypatch.delenv(f"BITHUMAN_API_{name}", raising=False)
    monkeypatch.delenv("BITHUMAN_MODEL_PATH", raising=False)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"model_path": "me.imx"}, BitHumanException, "api_secret"),
        ({"avatar": "me.imx"}, BitHumanException, "api_secret"),
        ({"avatar_id": "A12BC"}, NotAuthorised, "api_secret"),
        ({"avatar_id": "A12BC", "model": "essence-9", "api_secret": SECRET}, NotSupported, "essence-9"),
        ({"avatar_image": "no such portrait", "api_secret": SECRET}, InvalidAvatar, "portrait"),
        ({"engine": "nobody's"}, EngineNotFoundError, "nobody's"),
        ({"fallback": "somebody"}, ValueError, "embedded"),
        ({"avatar": "maya", "engine": MarkerEngine()}, ValueError, "avatar= and engine="),
    ],
)
def test_what_lacks_is_said_at_once(arguments: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        AvatarSession(**arguments)


def test_the_arguments_of_bithumans_plugin_may_all_be_left_out() -> None:
    AvatarSession(
        api_url=NOT_GIVEN, api_secret=NOT_GIVEN, api_token=NOT_GIVEN, model=NOT_GIVEN, model_path=None, runtime=None,
        avatar_image=NOT_GIVEN, avatar_id=NOT_GIVEN, avatar_participant_identity=NOT_GIVEN,
        avatar_participant_name=NOT_GIVEN,
    )  # fmt: skip


@pytest.mark.parametrize("fallback", ["embedded", "voice"])
@pytest.mark.parametrize("asked", [{"model_path": "me.imx"}, {"avatar_id": "A12BC"}])
def test_with_somebody_to_stand_in_a_missing_account_is_logged(
    asked: dict[str, Any], fallback: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "livekit_bithuman"):
        AvatarSession(fallback=fallback, **asked)
    # a model's account is asked for when it is opened
    assert len(caplog.records) == (1 if "avatar_id" in asked else 0)


def test_secrets_are_not_shown(keep_secret: Callable[..., None]) -> None:
    keep_secret(SECRET)
    avatar = AvatarSession(avatar_id="A12BC", api_secret=SECRET, api_token=SECRET + "-too")
    assert SECRET not in repr(vars(avatar))


def test_the_runtime_is_the_one_that_was_passed_or_an_error_says_when() -> None:
    class Runtime:
        pass

    runtime: Any = Runtime()
    assert AvatarSession(runtime=runtime).runtime is runtime
    with pytest.raises(BitHumanException, match="after start"):
        _ = AvatarSession().runtime


def test_the_names_that_bithumans_code_catches_are_here() -> None:
    for name in (
        "BitHumanException", "BithumanError", "TokenError", "TokenExpiredError", "TokenValidationError",
        "TokenRequestError", "AccountStatusError", "ModelError", "ModelNotFoundError", "ModelLoadError",
        "ModelSecurityError", "RuntimeNotReadyError", "InvalidAvatar", "NotSupported", "NotAuthorised", "Failed",
    ):  # fmt: skip
        assert issubclass(getattr(livekit_bithuman, name), livekit_bithuman.AvatarError)
        assert name in livekit_bithuman.__all__
