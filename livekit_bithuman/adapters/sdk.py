"""bitHuman's SDK: whether it is there, what a model needs of it, and the engine over its runtime."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
from pathlib import Path
from typing import Any

from ..errors import MissingDependencyError
from .engine import RuntimeEngine
from .errors import BithumanError, Failed, ModelNotFoundError
from .explain import KEYS_PAGE, explained
from .loop_thread import LoopThread
from .runtime import Runtime

REQUIREMENT = "livekit-bithuman[bithuman]"
OLDEST, NEWEST = (2, 11), 3  # at least, and below

SECRET_VARIABLES = ("BITHUMAN_API_SECRET", "BITHUMAN_API_KEY")  # the second is the SDK's older name

#: A model is downloaded, checked and loaded by then, or the service or the machine is stuck.
OPEN_TIMEOUT_S = 180.0


def open_model(
    model_path: str | os.PathLike[str],
    *,
    api_secret: str | None = None,
    api_token: str | None = None,
    api_url: str | None = None,
    agent_code: str | None = None,
    output_size: tuple[int, int] | None = None,
) -> RuntimeEngine:
    """An engine over bitHuman's own runtime, which runs on an event loop in a thread of its own.

    Blocks until the avatar shows its first picture: call it in a worker thread. Closing the engine signs the runtime
    out and ends its thread.

    Args:
        model_path: An `.imx` file.
        api_secret: Of the bitHuman account; None: `BITHUMAN_API_SECRET`.
        api_token: Handed on, though present SDKs take no token in place of the secret.
        api_url: Where the SDK gets its tokens; None: `BITHUMAN_API_URL`, else the SDK's own.
        agent_code: Whose use is counted.
        output_size: (width, height) that pictures fit into; None: the SDK's 1280x720.

    Raises:
        ModelNotFoundError: No file at `model_path`.
        BithumanError: No secret, or a refusal without a name of its own.
        MissingDependencyError: The SDK is not installed, too old, or lacks a package that the model needs.
        TokenError, ModelError: See `livekit_bithuman.adapters.errors`.
        Failed: The runtime did not get ready in time.
    """
    arguments = create_arguments(
        model_path,
        api_secret=api_secret,
        api_token=api_token,
        api_url=api_url or os.environ.get("BITHUMAN_API_URL"),
        agent_code=agent_code,
    )
    if output_size is not None:
        arguments["output_size"] = output_size
    runtime_class = find_runtime_class()
    thread = LoopThread("avatar-bithuman")
    try:
        return thread.run(_open(runtime_class, arguments, thread), OPEN_TIMEOUT_S)
    except TimeoutError:
        thread.close()
        raise Failed(
            f"bitHuman's runtime was not ready within {OPEN_TIMEOUT_S:g} s. "
            "Check the network and the machine's load, and try again."
        ) from None
    except BaseException:
        thread.close()
        raise


async def engine_of_runtime(runtime: Runtime) -> RuntimeEngine:
    """An engine over a runtime that exists, on the event loop that it was made on, which is the running one.

    Returns when the runtime has shown its first picture. If `run()` fails it is tried again, with growing waits.
    Closing the engine stops the runtime and cleans it up, as livekit-plugins-bithuman does.

    Args:
        runtime: bitHuman's `AsyncBithuman`, this package's, or an object that does the same.

    Raises:
        TypeError: It lacks one of a runtime's methods.
        AvatarError: The runtime failed, or shows no picture.
    """
    lacking = [name for name in ("push_audio", "flush", "interrupt", "run") if not hasattr(runtime, name)]
    if lacking:
        raise TypeError(
            f"A runtime has {', '.join(lacking)} too, and {type(runtime).__name__} has not. Pass an AsyncBithuman."
        )
    return await RuntimeEngine.over(runtime, again=True, teardown=("stop", "cleanup"))


def create_arguments(
    model_path: str | os.PathLike[str],
    *,
    api_secret: str | None = None,
    api_token: str | None = None,
    api_url: str | None = None,
    agent_code: str | None = None,
) -> dict[str, Any]:
    """What the SDK's `AsyncBithuman.create` is called with, checked in the order in which it checks.

    Raises:
        ModelNotFoundError: No file at `model_path`.
        BithumanError: No secret.
    """
    path = Path(model_path)
    if not path.exists():
        raise ModelNotFoundError(f"There is no model at {path}. Check the path.", source=str(path))
    secret = find_secret(api_secret)
    if not secret:
        why = "and bitHuman's SDK takes no api_token in its place" if api_token else "and bitHuman's models need one"
        raise BithumanError(
            f"There is no API secret, {why}. Pass api_secret=, or set BITHUMAN_API_SECRET; it is made at {KEYS_PAGE}."
        )
    arguments: dict[str, Any] = {"model_path": str(path), "api_secret": secret}
    optional = {"token": api_token, "api_url": api_url, "agent_code": agent_code}
    return arguments | {name: value for name, value in optional.items() if value}


def find_secret(api_secret: str | None = None) -> str:
    """The secret that was passed, or the environment's; empty if there is none."""
    for secret in (api_secret, *map(os.environ.get, SECRET_VARIABLES)):
        if secret and secret.strip():
            return secret.strip()
    return ""


def find_runtime_class() -> Any:
    """The SDK's `AsyncBithuman`.

    Raises:
        MissingDependencyError: It is not installed, too old or too new, or does not load on this machine.
    """
    mend = f'Install it: pip install "{REQUIREMENT}".'
    try:
        version = importlib.metadata.version("bithuman")
    except importlib.metadata.PackageNotFoundError:
        raise MissingDependencyError(
            "bithuman", f"A bitHuman model needs bitHuman's SDK, which is not installed. {mend}"
        ) from None
    if not is_usable(version):
        raise MissingDependencyError(
            "bithuman",
            f"bitHuman's SDK {version} is installed, and {OLDEST[0]}.{OLDEST[1]} or newer, below {NEWEST}, is needed. "
            f"{mend}",
        )
    try:
        return importlib.import_module("bithuman").AsyncBithuman
    except (ImportError, AttributeError, OSError) as error:
        raise MissingDependencyError(
            "bithuman", f"bitHuman's SDK {version} does not load on this machine: {error}. {mend}"
        ) from error


def is_usable(version: str) -> bool:
    """Whether the adapter works with this release of the SDK."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    return OLDEST <= numbers < (NEWEST,)


async def _open(runtime_class: Any, arguments: dict[str, Any], thread: LoopThread) -> RuntimeEngine:
    """On the thread's loop."""
    secret = arguments["api_secret"]
    try:
        runtime = await runtime_class.create(**arguments)
    except Exception as error:
        named = explained(error, source=arguments["model_path"], secret=secret)
        raise named from (None if secret in str(error) else error)
    return await RuntimeEngine.over(
        runtime, again=False, teardown=("stop", "shutdown"), secret=secret, on_closed=thread.close
    )
