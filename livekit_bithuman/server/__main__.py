"""`python -m livekit_bithuman.server`: see to it that there is a livekit-server, and print its path."""

from __future__ import annotations

import sys

from ..cli.progress import Progress
from ..errors import AvatarError
from .binary import obtain_binary


def main() -> int:
    """Print the program's path, after building it if there is none."""
    try:
        with Progress("livekit-server") as progress:
            binary = obtain_binary(progress.update)
    except AvatarError as error:
        print(f"livekit_bithuman.server: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(binary.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
