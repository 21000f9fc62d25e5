"""`AsyncBithuman.create` with an `.imx` model: bitHuman's runtime behind this package's class."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from livekit_bithuman import AsyncBithuman
from livekit_bithuman.adapters import sdk
from livekit_bithuman.adapters.errors import AccountStatusError, BithumanError, ModelNotFoundError
from livekit_bithuman.adapters.sdk_runtime import SdkBithuman
from livekit_bithuman.media import VideoFrame
from tests.stand_in import Manner, StandInRuntime, sdk_error

SECRET = "bh-a-secret"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in sdk.SECRET_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    StandInRuntime.made.clear()
    monkeypatch.setattr(sdk, "find_runtime_class", lambda: StandInRuntime)
    path = tmp_path / "person.imx"
    path.write_bytes(b"imx")
    return path


async def spoken(runtime: AsyncBithuman) -> list[VideoFrame]:
    """The frames of a turn up to its end."""

    async def drain() -> list[VideoFrame]:
        frames = []
        async for frame in runtime.run():
            frames += [frame] if frame.frame_index is not None else []
            if frame.end_of_speech:
                return frames
        raise AssertionError("it ended")

    return await asyncio.wait_for(drain(), 20)


async def test_the_minimal_loop_runs_on_a_model(model: Path) -> None:
    runtime = await AsyncBithuman.create(model_path=model, api_secret=SECRET, agent_code="A1", output_size=(96, 64))
    pcm = np.full(3_201, 900, np.int16).tobytes()
    await runtime.push_audio(pcm[:1_001], 16_000, last_chunk=False)  # half a sample waits
    await runtime.push_audio(pcm[1_001:] + b"\0", 16_000, last_chunk=False)
    await runtime.flush()
    frames = await spoken(runtime)
    await runtime.stop()
    await runtime.shutdown()
    runtime.cleanup()

    assert isinstance(runtime, SdkBithuman)
    assert all(type(frame) is VideoFrame for frame in frames)
    assert [frame.frame_index for frame in frames] == list(range(6))
    assert b"".join(StandInRuntime.made[0].pushed) == pcm
    assert StandInRuntime.made[0].options == {
        "model_path": str(model),
        "api_secret": SECRET,
        "agent_code": "A1",
        "output_size": (96, 64),
    }
    assert (runtime.fps, runtime.sample_rate, runtime.settings.FPS) == (25, 16_000, 25)


async def test_what_is_missing_is_told_in_the_sdks_order(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        await AsyncBithuman.create(model_path=tmp_path / "none.imx")
    with pytest.raises(BithumanError, match="no API secret"):
        await AsyncBithuman.create(model_path=model)
    assert not StandInRuntime.made


async def test_errors_while_it_runs_have_their_names(model: Path) -> None:
    runtime = await AsyncBithuman.create(model_path=model, api_secret=SECRET)
    error = sdk_error("AccountStatusError", f"{SECRET} is out of credit", "metering_out_of_credits")
    StandInRuntime.made[0].manner = Manner(fails_after=0, error=error)
    await runtime.push_audio(b"\1\1" * 640, 16_000)
    with pytest.raises(AccountStatusError, match="out of credit") as caught:
        await spoken(runtime)

    assert SECRET not in str(caught.value)
    runtime.interrupt()
    runtime.cleanup()


def test_no_member_is_the_embedded_engines() -> None:
    kept = {"video_graph", "create", "open"}
    public = {name for name in vars(AsyncBithuman) if not name.startswith("__") and name not in kept}
    inner = {"_load", "_loaded", "_refuse_if_stopped"}

    assert public - inner <= set(vars(SdkBithuman))
