"""`livekit-bithuman demo`: a page on this machine where a visitor talks with the avatar."""
