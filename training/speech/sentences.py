"""Sentences to speak: written by templates and syllable rules of our own, so that no text is borrowed.

Three kinds, shuffled: everyday sentences (templates), things an agent says (numbers, names, spelled codes), and
made-up words from English syllable parts, whose rare onsets and codas no natural text of this size would cover.
"""

from __future__ import annotations

import random


def _listed(text: str) -> tuple[str, ...]:
    """The phrases of a text, which bars separate."""
    return tuple(" ".join(phrase.split()) for phrase in text.split("|"))


WHO = _listed(
    """
    I | we | you | they | my mother | the baby | Bob | our company | the farmer | her brother | many people |
    the whole family | the pilot | your neighbor | the movie | a big bear | the weather | Tom and Jane | this
    machine | the professor | everybody | Margaret | the young chef | a thirsty horse | George | the judge | two
    fishermen | your cousin | the yellow bus | nobody | the thief
    """
)
DID = _listed(
    """
    bought | pushed | will help with | might move | found | was above | should bring | opened | put away | broke
    | would measure | can watch | loved | began | saw | took | threw | chose | joined | asked about | pulled up
    | whispered about | shook | used | finished | thought of | never breathed on | weighed | polished | gave
    away | jumped over | wove | has chewed | soothed | mapped | described | could vouch for | bothered with |
    argued about | sharpened | lifted | shares | praises | forgives | verified
    """
)
WHAT = _listed(
    """
    the blue boat | a purple umbrella | five warm muffins | the big brown map | every open window | some fresh
    coffee | that strange noise | my favorite shirt | the measuring cup | two yellow birds | your appointment |
    the final bill | a cheap phone | the bathroom | a beautiful picture | their new house | the football game |
    an old book | eleven apples | the boys | a very thin feather | more water | the judge's vision | a bowl of
    soup | the whole job | good advice | a smooth voyage | this rough cloth | ten thousand maps | the garage | a
    treasure chest | the other path | half a melon | a loud choir | the royal toy | a pair of gloves | the quick
    fox | mud | a zebra | the third month | pearls | sushi | an oath
    """
)
WHEN = _listed(
    """
    before breakfast | in the morning | with both hands | for a moment | because it was beautiful | after the
    show | near the river | on Thursday | at about five | very quickly | without any problem | from the
    beginning | when you come home | if that is okay | over the bridge | this month | and then we left | to make
    us happy | beneath the moon | in February | behind the garage | with great pleasure | as usual | by bus |
    for fun | up north | while the bell rang | just once | under the table | in Europe | with a shovel
    """
)
SAID = _listed(
    """
    Your order number is {digits}. | Please hold while I check that for you. | The total comes to {number}
    dollars and {number} cents. | Thank you for waiting, {name}. | My name is {name}, how may I help you today?
    | Please spell it: {letters}. | The code is {letters}, {digits}. | That will be on the {ordinal} of {month},
    at {number} {number}. | I have booked a table for {number} people. | Would you like me to repeat that? |
    Sorry, I did not catch your name. | Let me put you through to {name}. | It is {number} degrees outside, with
    a bit of wind. | Press {digit} to go back. | Is there anything else, {name}? | No problem at all. | Hm,
    maybe. | Yes, please. | Oh, that is wonderful! | Version {digit} point {digit} is available now. | We are
    open from {number} to {number}. | Could you give me your phone number, {name}? | You owe us {number} euros.
    | Call me back in {number} minutes. | What a pity! | Who was that? | Good morning, everybody. | Bye for now.
    """
)
NAMES = _listed(
    """
    Abby | Beatrice | Boris | Chuck | Deborah | Ethan | Fiona | Geoffrey | Heather | Igor | Joyce | Kevin |
    Louise | Matthew | Naomi | Owen | Phoebe | Quentin | Ruth | Sheila | Theo | Ursula | Vivian | Wanda | Xavier
    | Yolanda | Zoe | Mister Papadopoulos | Miss Hathaway | Doctor Vaughan | Mrs Murphy | Professor Wu | Paul
    Bishop | Emma Fairweather | Pablo | Yuki | Björn | Siobhan
    """
)
MONTHS = _listed(
    """
    January | February | March | April | May | June | July | August | September | October | November | December
    """
)
ORDINALS = _listed(
    """
    first | second | third | fourth | fifth | sixth | seventh | eighth | ninth | tenth | twelfth | twentieth
    """
)

#: Spellings of English syllable parts; an empty one is no sound.
ONSETS = _listed(
    """
    b | br | bl | c | cl | cr | d | dr | f | fl | fr | g | gl | gr | h | j | k | l | m | n | p | pl | pr | qu |
    r | s | sc | sh | shr | sk | sl | sm | sn | sp | spl | spr | st | str | sw | t | th | thr | tr | tw | v | w
    | wh | y | z | ch |
    """
)
NUCLEI = _listed(
    """
    a | e | i | o | u | ee | oo | ai | ay | oa | ow | ou | oi | oy | ea | aw | au | er | or | ar | ir | igh | ew
    """
)
CODAS = _listed(
    """
    b | ck | d | ff | g | l | m | n | p | r | ss | t | th | v | x | z | ng | nk | mp | nt | nd | st | sk | sp |
    ft | lt | lk | lf | lm | lb | pt | ct | sh | ch | dge | tch | ve | ze | ble |  |  |
    """
)


def _made_up_word(rng: random.Random) -> str:
    """One to three English syllables that need not be a word."""
    syllables = rng.choice((1, 1, 2, 2, 3))
    return "".join(
        rng.choice(ONSETS) + rng.choice(NUCLEI) + (rng.choice(CODAS) if rng.random() < 0.7 else "")
        for _ in range(syllables)
    )


def _template(rng: random.Random) -> str:
    return f"{rng.choice(WHO)} {rng.choice(DID)} {rng.choice(WHAT)} {rng.choice(WHEN)}{rng.choice('...?!')}"


def _said(rng: random.Random) -> str:
    return rng.choice(SAID).format(
        digits=" ".join(rng.choice("0123456789") for _ in range(rng.randint(3, 6))),
        digit=rng.choice("123456789"),
        number=rng.randint(1, 99),
        letters=" ".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(4)),
        name=rng.choice(NAMES),
        month=rng.choice(MONTHS),
        ordinal=rng.choice(ORDINALS),
    )


def _nonsense(rng: random.Random) -> str:
    return " ".join(_made_up_word(rng) for _ in range(rng.randint(3, 8))) + "."


def sentences(count: int, seed: int) -> list[str]:
    """`count` sentences, the same for the same seed."""
    rng = random.Random(seed)
    kinds = (_template, _template, _template, _said, _said, _nonsense)
    return [rng.choice(kinds)(rng).replace('"', "") for _ in range(count)]
