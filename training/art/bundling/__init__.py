"""From a directory of keyframes (`KEYFRAMES.md`) to an `.avatar` bundle."""
