"""A real livekit-server for the demo and the tests: found, or built once and kept, and run on this machine alone.

address = server_from_environment()            # LIVEKIT_URL and its key and secret: somebody else's server
binary = find_binary() or build_server(report) # PATH, the cache, or a build of the pinned version
with ServerProcess(binary) as address: ...     # ours, on free ports of the loopback interface
"""

from __future__ import annotations

from .address import ServerAddress, server_from_environment
from .binary import SERVER_VERSION, ServerBinary, find_binary, obtain_binary
from .build import build_server
from .process import ServerProcess

__all__ = [
    "SERVER_VERSION",
    "ServerAddress",
    "ServerBinary",
    "ServerProcess",
    "build_server",
    "find_binary",
    "obtain_binary",
    "server_from_environment",
]
