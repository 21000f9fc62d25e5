"""The only package that imports livekit: sources, tracks, the audio output, and the avatar session."""
