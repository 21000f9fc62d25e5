"""What an avatar costs here, and when a machine has enough of them."""

from __future__ import annotations

from livekit_bithuman.engine.embedded import EmbeddedEngine
from livekit_bithuman.fleet.capacity import WINDOW_S, Cost, Strain, cores, measure


def test_an_avatar_costs_more_the_larger_it_is() -> None:
    small, large = (measure(EmbeddedEngine(size=(side, side))) for side in (128, 512))
    assert 0 < small.draw < large.draw
    assert 0 < small.encode < large.encode
    assert small.cores < large.cores
    assert small.avatars(0.4) >= large.avatars(0.4) >= 1


def test_a_machine_serves_one_at_least_and_no_more_than_its_cores_carry() -> None:
    cost = Cost(draw=0.004, encode=0.004, fps=25)
    assert cost.avatars(0.1) == 1
    assert cost.avatars(0.5) == int(0.5 * 0.7 / (25 * 0.008 * 1.3)) == 1
    assert cost.avatars(16) == cost.by_lock < int(16 * 0.7 / (25 * 0.008 * 1.3)), "threads of a process share a lock"
    assert Cost(draw=0.001, encode=0.001, fps=10).by_lock > cost.by_lock
    assert cores() >= 0.1


def test_a_machine_that_skips_pictures_is_strained_until_it_has_not_for_a_while() -> None:
    strain = Strain()
    assert not strain.look(0.0, 0, 0)
    assert not strain.look(5.0, 250, 5)
    assert strain.look(6.0, 280, 30)
    assert strain.look(10.0, 480, 30)
    assert not strain.look(6.1 + WINDOW_S, 600, 30)


def test_a_machine_without_avatars_is_not_strained() -> None:
    strain = Strain()
    assert not any(strain.look(float(at), 100, 50) for at in range(60))
