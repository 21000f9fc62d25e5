"""`livekit-bithuman demo`: a page on this machine where the avatar greets its visitor and says what is typed."""
