"""Which argument of an `AvatarSession` counts, as with bitHuman's own plugin where that one knows it."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from livekit.agents import NOT_GIVEN

from livekit_bithuman.rtc.choice import Choice, Kind, choose, given

GIVEN: dict[str, Any] = {
    "avatar": "maya",
    "engine": object(),
    "runtime": object(),
    "avatar_id": "A12BC",
    "avatar_image": "https://example.com/me.jpg",
    "model_path": "me.imx",
}
#: What may stand together, and which of the two counts.
TOGETHER = {("runtime", "model_path"): Kind.RUNTIME, ("avatar_id", "avatar_image"): Kind.CLOUD}
#: The cloud's own arguments leave a model path unread, which a shared environment may set as well.
TOGETHER |= {("avatar_id", "model_path"): Kind.CLOUD, ("avatar_image", "model_path"): Kind.CLOUD}


def chosen(environment: dict[str, str] | None = None, **arguments: Any) -> Choice:
    return choose(arguments.pop("avatar", None), environment=environment or {}, **arguments)


@pytest.mark.parametrize("name", GIVEN)
def test_each_argument_by_itself(name: str) -> None:
    kinds = {"avatar": Kind.AVATAR, "engine": Kind.ENGINE, "runtime": Kind.RUNTIME, "model_path": Kind.MODEL}
    assert chosen(**{name: GIVEN[name]}).kind is kinds.get(name, Kind.CLOUD)


@pytest.mark.parametrize("pair", list(combinations(GIVEN, 2)), ids="-".join)
def test_two_that_bring_a_face_each_are_an_error(pair: tuple[str, str]) -> None:
    arguments = {name: GIVEN[name] for name in pair}
    if pair in TOGETHER:
        assert chosen(**arguments).kind is TOGETHER[pair]
        return
    with pytest.raises(ValueError, match=f"{pair[0]}= and {pair[1]}="):
        chosen(**arguments)


def test_without_any_it_is_the_default_character() -> None:
    assert chosen() == Choice(Kind.AVATAR, None)


def test_the_variable_names_a_model_where_nothing_else_is_given() -> None:
    environment = {"BITHUMAN_MODEL_PATH": "/models/me.imx"}
    assert chosen(environment) == Choice(Kind.MODEL, "/models/me.imx")
    assert chosen(environment, avatar="maya") == Choice(Kind.AVATAR, "maya")
    assert chosen(environment, avatar_id="A12BC").kind is Kind.CLOUD
    assert chosen(environment, model_path="other.imx") == Choice(Kind.MODEL, "other.imx")
    assert chosen({"BITHUMAN_MODEL_PATH": ""}) == Choice(Kind.AVATAR, None)


@pytest.mark.parametrize("argument", ["avatar", "model_path"])
def test_the_suffix_says_whose_model_it_is(argument: str) -> None:
    model: dict[str, Any] = {argument: Path("dir/ME.IMX")}
    avatar: dict[str, Any] = {argument: "me.avatar"}
    assert chosen(**model) == Choice(Kind.MODEL, Path("dir/ME.IMX"))
    assert chosen(**avatar) == Choice(Kind.AVATAR, "me.avatar")


def test_arguments_may_be_left_out_in_both_ways() -> None:
    assert given(NOT_GIVEN) is None
    assert given(None) is None
    assert given("x") == "x"
