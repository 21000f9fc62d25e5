"""The sink kit: any LiveKit audio output, driven in any order that livekit-agents may come up with.

    @asynccontextmanager
    async def my_sink() -> AsyncIterator[AudioOutput]:
        ...
        yield sink

    test_my_sink = sink_test(my_sink)

Hypothesis draws what an agent does, and it is played in real time. A failure names the promise that was broken, says
what happened, and comes with the shortest sequence that was found to show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .ledger import SinkPromise
from .sink_driver import MakeSink, SinkDriver, Step

#: Lengths of voice, and of doing nothing before a step, in ms.
LENGTHS = st.sampled_from([20, 40, 100, 200, 400])
WAITS = st.sampled_from([0, 1, 10, 50, 100, 200, 400])

#: What an agent does, each as often as the others: steps with voice, with a wait before them, and with neither.
STEPS = st.one_of(
    *(st.builds(Step, st.just(name), LENGTHS) for name in ("say", "capture", "cancel_capture")),
    *(st.builds(Step, st.just(name), WAITS) for name in ("interrupt", "clear", "pause", "resume", "wait")),
    *(st.builds(Step, st.just(name), st.none()) for name in ("flush", "hear_out")),
)


def sink_test(
    make_sink: MakeSink,
    *,
    examples: int = 25,
    steps: int = 12,
    patience_s: float = 5.0,
    promises: Iterable[SinkPromise] = tuple(SinkPromise),
    make_driver: Callable[..., SinkDriver] = SinkDriver,
) -> Callable[[], None]:
    """A test for pytest, to be bound to a name that begins with test_.

    Args:
        make_sink: A context in which the output can be heard: in a room with a subscriber, if it needs one.
        examples: Sequences, the same ones in every run. A second or two of real time each.
        steps: Of a sequence, at most.
        patience_s: How long an event may be late before it is missing, in seconds.
        promises: Those that are held against the output.
        make_driver: Plays a sequence.

    Returns:
        A function that raises BrokenPromise.
    """
    held = frozenset(promises)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(STEPS, min_size=1, max_size=steps))
    def play(sequence: list[Step]) -> None:
        with make_driver(make_sink, patience_s=patience_s, promises=held) as agent:
            for step in sequence:
                agent.take(step)

    def test() -> None:
        play()

    return test
