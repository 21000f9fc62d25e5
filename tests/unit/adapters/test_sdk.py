"""Opening a model: what is checked and in which order, where its runtime lives, and how it ends."""

from __future__ import annotations

import asyncio
import importlib.metadata
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from livekit_bithuman.adapters import engine as engine_module
from livekit_bithuman.adapters import sdk
from livekit_bithuman.adapters.errors import BithumanError, Failed, ModelNotFoundError, TokenRequestError
from livekit_bithuman.adapters.sdk import find_runtime_class, is_usable, open_model
from livekit_bithuman.errors import AvatarNotFoundError, EngineError, MissingDependencyError
from tests.stand_in import Manner, StandInRuntime
from tests.unit.adapters.test_engine import eventually, frames_of, has_failed, say, shown, voice

SECRET = "bh-a-secret"


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BITHUMAN_API_SECRET", "BITHUMAN_API_KEY", "BITHUMAN_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "person.imx"
    path.write_bytes(b"imx")
    return path


def install(monkeypatch: pytest.MonkeyPatch, runtime_class: type[StandInRuntime] = StandInRuntime) -> None:
    """Let a stand-in be what the SDK offers."""
    StandInRuntime.made.clear()
    monkeypatch.setattr(sdk, "find_runtime_class", lambda: runtime_class)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "avatar-bithuman"]


async def test_the_runtime_lives_on_a_thread_of_its_own_until_it_is_closed(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    engine = await asyncio.to_thread(open_model, model, api_secret=SECRET)
    (runtime,) = StandInRuntime.made
    say(engine, voice(0.3))
    frames = await frames_of(engine, 0)
    engine.interrupt()
    await asyncio.to_thread(engine.close)

    assert shown(frames) == [(k, k) for k in range(8)]
    assert runtime.thread != threading.get_ident()
    assert runtime.foreign_calls == 0
    assert runtime.calls[-2:] == ["stop", "shutdown"]
    await eventually(lambda: not threads())


async def test_closing_on_the_loop_does_not_wait(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowToStop(StandInRuntime):
        may_stop = threading.Event()

        async def stop(self) -> None:
            await asyncio.to_thread(self.may_stop.wait)
            await super().stop()

    install(monkeypatch, SlowToStop)
    engine = await asyncio.to_thread(open_model, model, api_secret=SECRET)
    engine.close()
    engine.close()
    assert "stop" not in StandInRuntime.made[0].calls
    SlowToStop.may_stop.set()
    await eventually(lambda: not threads())

    assert StandInRuntime.made[0].calls[-2:] == ["stop", "shutdown"]


async def test_two_models_have_a_runtime_each(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    engines = await asyncio.gather(*(asyncio.to_thread(open_model, model, api_secret=SECRET) for _ in range(2)))
    for number, engine in enumerate(engines):
        say(engine, voice(0.2 + 0.2 * number))
    frames = [await frames_of(engine, 0) for engine in engines]
    engines[0].close()
    say(engines[1], voice(0.2), 1)
    more = await frames_of(engines[1], 1)
    engines[1].close()

    assert [len(shown(turn)) for turn in [*frames, more]] == [5, 10, 5]
    assert len({runtime.thread for runtime in StandInRuntime.made}) == 2
    await eventually(lambda: not threads())


def test_what_the_sdk_is_given(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    monkeypatch.setenv("BITHUMAN_API_SECRET", f" {SECRET} ")
    monkeypatch.setenv("BITHUMAN_API_URL", "https://api.bithuman.ai/elsewhere")
    open_model(model, agent_code="A1", output_size=(640, 640)).close()
    open_model(model, api_secret="other", api_url="https://api.bithuman.ai/x", api_token="t").close()

    assert [runtime.options for runtime in StandInRuntime.made] == [
        {
            "model_path": str(model),
            "api_secret": SECRET,
            "agent_code": "A1",
            "api_url": "https://api.bithuman.ai/elsewhere",
            "output_size": (640, 640),
        },
        {"model_path": str(model), "api_secret": "other", "api_url": "https://api.bithuman.ai/x", "token": "t"},
    ]


def test_a_missing_model_comes_before_a_missing_secret(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no model at") as caught:
        open_model(tmp_path / "none.imx")

    assert isinstance(caught.value, AvatarNotFoundError)
    assert caught.value.source == str(tmp_path / "none.imx")


def test_a_missing_secret_is_told_with_where_to_get_one(model: Path) -> None:
    with pytest.raises(BithumanError, match=r"no API secret.*BITHUMAN_API_SECRET.*api-keys"):
        open_model(model, api_secret="  ")
    with pytest.raises(BithumanError, match="takes no api_token"):
        open_model(model, api_token="a token")


def test_a_missing_sdk_is_told_with_the_command_that_installs_it(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(MissingDependencyError, match=r'pip install "livekit-bithuman\[bithuman\]"'):
        open_model(model, api_secret=SECRET)


@pytest.mark.parametrize("version", ["0.5.25", "2.10.9", "3.0.0"])
def test_an_sdk_of_another_age_is_refused(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    with pytest.raises(MissingDependencyError, match=version.replace(".", r"\.")):
        find_runtime_class()


def test_an_sdk_that_does_not_load_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.12.9")
    monkeypatch.setitem(sys.modules, "bithuman", None)
    with pytest.raises(MissingDependencyError, match=r"2\.12\.9 does not load on this machine"):
        find_runtime_class()


def test_which_releases_are_usable() -> None:
    assert [is_usable(version) for version in ("2.11.0", "2.12.9", "2.100")] == [True] * 3
    assert [is_usable(version) for version in ("2.10.1", "1.9", "3.0", "strange")] == [False] * 4


async def test_a_refused_start_is_one_typed_error_and_leaves_no_thread(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Offline(StandInRuntime):
        @classmethod
        async def create(cls, *, api_secret: str | None = None, **_: Any) -> StandInRuntime:
            raise RuntimeError(f"auth_authenticate: curl_easy_perform: Couldn't resolve host name ({api_secret})")

    install(monkeypatch, Offline)
    with pytest.raises(TokenRequestError, match="Couldn't resolve host name") as caught:
        await asyncio.to_thread(open_model, model, api_secret=SECRET)

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None  # it had the secret
    await eventually(lambda: not threads())


def test_a_runtime_that_fails_at_once_is_closed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(StandInRuntime):
        def __init__(self) -> None:
            super().__init__(Manner(filler_pictures=False, first_frame=False))

    install(monkeypatch, Broken)
    monkeypatch.setattr(engine_module, "FIRST_PICTURE_S", 0.3)
    with pytest.raises(EngineError, match="no picture"):
        open_model(model, api_secret=SECRET)

    assert StandInRuntime.made[0].calls[-2:] == ["stop", "shutdown"]


def test_a_start_that_never_ends_is_given_up(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(StandInRuntime):
        @classmethod
        async def create(cls, **_: Any) -> StandInRuntime:
            await asyncio.Event().wait()
            raise AssertionError

    install(monkeypatch, Stuck)
    monkeypatch.setattr(sdk, "OPEN_TIMEOUT_S", 0.2)
    with pytest.raises(Failed, match="not ready within"):
        open_model(model, api_secret=SECRET)


async def test_a_runtime_that_dies_is_not_tried_again_but_made_anew_by_whoever_made_it(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(StandInRuntime):
        def __init__(self) -> None:
            super().__init__(Manner(fails_after=2))

    install(monkeypatch, Dying)
    engine = await asyncio.to_thread(open_model, model, api_secret=SECRET)
    say(engine, voice(1.0))
    await eventually(lambda: has_failed(engine))
    await asyncio.to_thread(engine.close)

    assert StandInRuntime.made[0].calls.count("run") == 1
    assert StandInRuntime.made[0].calls[-2:] == ["stop", "shutdown"]
