"""Registration with livekit-agents."""

from __future__ import annotations

import logging
import threading

from livekit.agents import Plugin

from ..version import __version__

logger = logging.getLogger("livekit_bithuman")


class BithumanPlugin(Plugin):
    """This package as livekit-agents lists it."""

    def __init__(self) -> None:
        super().__init__("livekit_bithuman", __version__, "livekit_bithuman", logger)


def register() -> None:
    """Register once, and on the main thread only: elsewhere livekit-agents refuses, and works without."""
    if threading.current_thread() is not threading.main_thread():
        return
    if not any(isinstance(plugin, BithumanPlugin) for plugin in Plugin.registered_plugins):
        Plugin.register_plugin(BithumanPlugin())
