"""What an agent's program needs from its environment, said in one sentence before anything starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

#: livekit-agents' commands that connect to a server, and the variables that they need; each may be given by a flag.
SERVING = ("dev", "start", "connect")
LIVEKIT = {"LIVEKIT_URL": "--url", "LIVEKIT_API_KEY": "--api-key", "LIVEKIT_API_SECRET": "--api-secret"}
#: What to write for each variable, where it is known.
EXAMPLES = {
    "LIVEKIT_URL": "ws://127.0.0.1:7880",
    "LIVEKIT_API_KEY": "devkey",
    "LIVEKIT_API_SECRET": "secret",
    "OPENAI_API_KEY": "sk-…",
}


def require_environment(*names: str) -> None:
    """End the program with one sentence where a variable is missing that an agent's command needs.

    LiveKit's own three are needed by the commands that connect to a server, unless a flag gives them.

    Args:
        names: Variables that the agent needs besides.

    Raises:
        SystemExit: One is not set; the message says which, and how to set it.
    """
    missing = missing_variables(sys.argv[1:], os.environ, names)
    if missing:
        sys.exit(sentence(missing))


def missing_variables(arguments: Sequence[str], environment: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Those of `names` and of LiveKit's variables that a command line needs and the environment does not have."""
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    if "--help" in arguments or command not in (*SERVING, "console"):
        return []
    flags = {argument.split("=")[0] for argument in arguments}
    needed = [name for name, flag in LIVEKIT.items() if command in SERVING and flag not in flags]
    return [name for name in [*needed, *names] if not environment.get(name)]


def sentence(missing: Sequence[str]) -> str:
    """What is missing, and the line that sets it."""
    assignments = " ".join(f"{name}={EXAMPLES.get(name, '…')}" for name in missing)
    named = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
    return f"Set {named} first, for example: export {assignments}"
