"""Registration with livekit-agents."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
import livekit_bithuman
assert "livekit.agents" not in sys.modules, "importing the package alone stays light"

def elsewhere():
    from livekit_bithuman.rtc.plugin import register
    register()

thread = threading.Thread(target=elsewhere); thread.start(); thread.join()
from livekit.agents import Plugin
names = lambda: [plugin.package for plugin in Plugin.registered_plugins]
assert "livekit_bithuman" not in names(), "off the main thread: not registered, and no error"

from livekit_bithuman import AvatarSession
AvatarSession()
assert names().count("livekit_bithuman") == 1
from livekit_bithuman.rtc.plugin import register
register()
assert names().count("livekit_bithuman") == 1
print("ok")
"""


def test_the_package_registers_once_and_on_the_main_thread_only() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "ok"
