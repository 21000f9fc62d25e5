"""Hatch's build hook: puts livekit-client's browser file into the package before it is packed."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Runs for wheels, source archives and editable installs alike; a file that is there already costs nothing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See to it that the file is there."""
        # By path: the package's dependencies are not installed while it is being built.
        vendor = runpy.run_path(str(Path(self.root) / "livekit_bithuman" / "demo" / "vendor.py"))
        vendor["fetch"](self.app.display_info)
