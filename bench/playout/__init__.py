"""Our AvatarSession beside livekit-plugins-bithuman: the same engine, pictures, codec and turns, at a real viewer.

lane.py         a side in a room: the agents' process (agent.py), the viewer's (subscriber.py, chromium.py)
experiments.py  what both sides do in turn
measure.py      estimates from what the viewer recorded (recording.py)
table.py        the rows
"""
