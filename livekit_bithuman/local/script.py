"""What the scripted conversation says: the first rule that fits what was heard, and one of its answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Rule:
    """Answers to whatever `pattern` is found in."""

    pattern: re.Pattern[str]
    answers: tuple[str, ...]


def _rule(pattern: str, *answers: str) -> Rule:
    return Rule(re.compile(pattern, re.IGNORECASE), answers)


_SAY = re.compile(
    r"^\W*(?:please |can you |could you )*(?:say|repeat)\b(?: after me)?[\s:,]*(.*\w.*)$", re.IGNORECASE | re.DOTALL
)
_TIME = re.compile(r"\b(what time|the time|what's the time|how late)\b", re.IGNORECASE)
_DATE = re.compile(r"\b(what day|which day|the date|today's date)\b", re.IGNORECASE)

RULES = (
    _rule(
        r"\b(story|tale)\b",
        "Once there was a lighthouse that could not sleep. Every night it counted the ships, and every ship it counted "
        "came home. One night it counted none. So it shone a little brighter, just in case, and far out at sea a small "
        "boat that had lost its way turned around. In the morning the lighthouse slept at last.",
        "A clock maker once built a clock that ran backwards. People laughed, until they noticed that it showed how "
        "much of the day was left. Since then the whole village has had time for one more cup of tea.",
    ),
    _rule(
        r"\b(joke|funny|laugh)\b",
        "Why did the microphone go to school? It wanted to be a little louder in class.",
        "I told my video track a joke. It took forty milliseconds, and then it smiled.",
        "What does a neural network have for breakfast? A few more layers.",
    ),
    _rule(
        r"\b(who|what) are you\b|\byour name\b|\bintroduce yourself\b",
        "I am the avatar of a voice agent. My ears, my voice and my face all run on this machine, without a key.",
    ),
    _rule(
        r"\bhow (do|does) (you|it|this) work\b|\bhow are you made\b|\blip ?sync\b",
        "Your voice becomes text, the text becomes an answer, and the answer becomes sound. A small network listens to "
        "that sound and tells my mouth which shapes to make, twenty five times a second.",
    ),
    _rule(
        r"\bwhat can you do\b|\bhelp\b|\bwhat (can|should) i (say|ask)\b",
        "Ask me for a story or a joke, ask me what time it is, or say: repeat, and then anything you like. "
        "You can interrupt me whenever you want.",
    ),
    _rule(
        r"\binterrupt\b",
        "Go ahead, interrupt me. Start speaking while I talk, and I stop, with my mouth closed.",
    ),
    _rule(
        r"\b(real|human|alive|robot|machine)\b",
        "I am not a person. I am drawn and spoken by a program, and I would rather say so.",
    ),
    _rule(
        r"\bhow are you\b|\bhow('s| is) it going\b|\bhow do you do\b",
        "I am well, thank you. My frames are on time and my lips are in step. How are you?",
        "Very well. It is quiet in here, and I have somebody to talk to. And you?",
    ),
    _rule(r"\bthank", "You are welcome.", "My pleasure."),
    _rule(r"\b(good ?bye|bye|see you|good night)\b", "Goodbye. It was nice to talk with you.", "See you soon."),
    _rule(
        r"\b(hello|hi|hey|good (morning|afternoon|evening)|nice to meet you)\b",
        "Hello! Nice to meet you. Ask me for a story, or tell me how you are.",
        "Hi! I am all ears. Small ones, but they are quick.",
    ),
    _rule(
        r"\bi('m| am) (fine|good|great|well|okay|happy)\b|\b(very|pretty) (well|good)\b",
        "I am glad to hear it. Would you like a story, or a joke?",
    ),
    _rule(
        r"\bi('m| am) (sad|tired|bored|sick|angry)\b",
        "I am sorry to hear that. Perhaps a story would help? Just ask for one.",
    ),
    _rule(
        r"\b(weather|rain|sun|snow)\b",
        "I cannot look outside, I am afraid: nothing that I know comes from the network.",
    ),
    _rule(r"^\W*(yes|yeah|sure|okay|ok|please)\b", "Then ask me for a story, or for a joke."),
    _rule(r"^\W*(no|nope)\b", "All right. Tell me something else, then."),
)

UNKNOWN = (
    "I am only a small script, and I have no answer to that. Ask me for a story, a joke, or what I can do.",
    "That is beyond my script. With a language model behind me I could answer; until then, try: tell me a joke.",
    "I did not follow that. You can say: what can you do?",
)
NOTHING = "I did not hear any words. Could you say that again?"


def reply(said: Sequence[str], now: datetime) -> str:
    """The answer to the last of the user's messages. Who asks the same again gets another one.

    Args:
        said: All of them, the oldest first.
        now: The user's time.
    """
    text = said[-1] if said else ""
    if not any(character.isalnum() for character in text):
        return NOTHING
    repeated = _SAY.match(text)
    if repeated:
        return repeated.group(1).strip()
    if _TIME.search(text):
        return f"It is {now.strftime('%I:%M %p').lstrip('0')}."
    if _DATE.search(text):
        return f"Today is {now.strftime('%A')}, the {_ordinal(now.day)} of {now.strftime('%B')}."
    index, answers = _matching(text)
    before = sum(_matching(earlier)[0] == index for earlier in said[:-1])
    return answers[before % len(answers)]


def _matching(text: str) -> tuple[int, tuple[str, ...]]:
    """The number of the first rule that fits, and its answers; -1 for none."""
    for index, rule in enumerate(RULES):
        if rule.pattern.search(text):
            return index, rule.answers
    return -1, UNKNOWN


def _ordinal(day: int) -> str:
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
