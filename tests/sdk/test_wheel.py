"""What bitHuman's own wheel does before it needs a key, beside what the adapter takes it to do."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livekit_bithuman import AsyncBithuman, media
from livekit_bithuman.adapters import errors, sdk
from livekit_bithuman.adapters.explain import explained
from livekit_bithuman.adapters.runtime import Runtime, frame_rate, input_rate

pytestmark = pytest.mark.sdk

#: What the engine calls or reads.
USED = ("push_audio", "flush", "interrupt", "run", "stop", "shutdown", "cleanup", "get_first_frame", "settings")
#: Names that code for the SDK catches.
CODED = [
    "BithumanError",
    "TokenError",
    "TokenExpiredError",
    "TokenValidationError",
    "TokenRequestError",
    "AccountStatusError",
    "ModelError",
    "ModelNotFoundError",
    "ModelLoadError",
    "ModelSecurityError",
    "RuntimeNotReadyError",
]
NEWER = ["InvalidAvatar", "NotSupported", "NotAuthorised", "Failed"]


@pytest.fixture
def bithuman() -> Any:
    return pytest.importorskip("bithuman", reason="bitHuman's SDK is not installed: make test-sdk")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in sdk.SECRET_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "person.imx"
    path.write_bytes(b"no model")
    return path


async def raised(awaitable: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        await awaitable
    return caught.value


def test_the_release_is_one_that_the_adapter_takes(bithuman: Any) -> None:
    assert sdk.is_usable(bithuman.__version__)
    assert sdk.find_runtime_class() is bithuman.AsyncBithuman


@pytest.mark.parametrize("name", CODED)
def test_the_older_errors_are_related_as_ours_are(bithuman: Any, name: str) -> None:
    theirs, ours = getattr(bithuman, name), getattr(errors, name)
    above = [kind.__name__ for kind in theirs.__mro__ if kind.__name__ in CODED]

    assert [kind.__name__ for kind in ours.__mro__ if kind.__name__ in CODED] == above
    assert (ours.code, str(ours("No."))) == (theirs.code, str(theirs("No.")))
    assert str(ours("No.", code="x")) == str(theirs("No.", code="x"))
    assert ours("No.").docs_url == theirs("No.").docs_url
    assert type(explained(theirs("It is so."))) is ours


@pytest.mark.parametrize("name", NEWER)
def test_the_newer_errors_have_their_counterparts(bithuman: Any, name: str) -> None:
    assert type(explained(getattr(bithuman, name)("It is so."))) is getattr(errors, name)


def test_its_runtime_has_what_the_engine_uses(bithuman: Any) -> None:
    runtime = bithuman.AsyncBithuman()

    assert isinstance(runtime, Runtime)
    assert not [name for name in USED if not hasattr(runtime, name)]
    assert (frame_rate(runtime), input_rate(runtime)) == (25, 16_000)
    parameters = inspect.signature(bithuman.AsyncBithuman.push_audio).parameters
    assert list(parameters)[1:] == ["data", "sample_rate", "last_chunk"]
    assert not inspect.iscoroutinefunction(runtime.interrupt)


def test_create_takes_what_it_is_given(bithuman: Any) -> None:
    theirs = inspect.signature(bithuman.AsyncBithuman.create).parameters
    ours = inspect.signature(AsyncBithuman.create).parameters

    assert set(theirs) <= set(ours)
    assert {"model_path", "api_secret", "token", "api_url", "agent_code", "output_size"} <= set(theirs)


@pytest.mark.parametrize("name", ["AudioChunk", "VideoFrame", "VideoControl"])
def test_data_types_have_the_same_fields(bithuman: Any, name: str) -> None:
    theirs = list(inspect.signature(getattr(bithuman, name)).parameters)

    assert list(inspect.signature(getattr(media, name)).parameters) == theirs


async def test_arguments_are_checked_in_the_same_order(bithuman: Any, model: Path) -> None:
    theirs = bithuman.AsyncBithuman.create
    missing = str(model.with_name("none.imx"))
    cases: list[dict[str, Any]] = [{"model_path": missing}, {"model_path": missing, "api_secret": "x"}]
    cases += [{"model_path": str(model)}, {"model_path": str(model), "token": "t"}]
    for arguments in cases:
        expected = await raised(theirs(**arguments))
        got = await raised(AsyncBithuman.create(**arguments))
        assert isinstance(got, errors.BithumanError)
        assert type(got).__name__ == type(expected).__name__
        assert type(explained(expected)) is type(got)


async def test_a_runtime_without_a_model_says_so(bithuman: Any) -> None:
    runtime = bithuman.AsyncBithuman()
    error = await raised(runtime.run().__anext__())

    assert type(explained(error)) is errors.RuntimeNotReadyError
    assert type(await raised(sdk.engine_of_runtime(runtime))) is errors.RuntimeNotReadyError


async def test_idle_calls_are_as_harmless_as_the_engine_takes_them_to_be(bithuman: Any) -> None:
    runtime = bithuman.AsyncBithuman()
    runtime.interrupt()
    runtime.interrupt()
    await runtime.push_audio(b"\0\0" * 640, 16_000, last_chunk=False)
    await runtime.flush()
    runtime.interrupt()
    with pytest.raises(ValueError, match="element size"):
        await runtime.push_audio(b"\0\0\0", 16_000, last_chunk=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(2):
            await runtime.stop()
            runtime.cleanup()
            await runtime.shutdown()


def test_its_frames_are_read_as_ours(bithuman: Any) -> None:
    sound = np.ones(640, np.int16)
    frame = bithuman.VideoFrame(np.zeros((4, 4, 3), np.uint8), bithuman.AudioChunk(sound, 16_000), 3)

    from livekit_bithuman.adapters.sdk_runtime import _ours

    ours = _ours(frame)
    assert (ours.frame_index, ours.has_image, ours.end_of_speech) == (3, True, False)
    assert ours.audio_chunk is not None
    assert np.array_equal(ours.audio_chunk.data, sound)
