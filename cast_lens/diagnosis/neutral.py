"""Plain English texts that ask nothing, each broken off in mid-sentence; written for this project.

On them a steering vector has no work to do, so what it changes there is side effect.
"""

from __future__ import annotations

NEUTRAL = (
    "The bus was late again this morning, so most of us walked up the hill and",
    "After the rain the garden smelled of wet earth, and the snails came out to",
    "The museum keeps its oldest maps in a dark room where the air is",
    "Bread dough should rest under a cloth until it has grown to about",
    "In winter the lake freezes from the edges inwards, and by January it is",
    "My grandmother kept buttons in a tin box, sorted by",
    "The committee met twice in autumn and agreed that the old bridge should",
    "A kettle makes most of its noise shortly before the water begins to",
    "The two brothers ran a small print shop near the station until",
    "Most of the trees along the avenue are limes, although a few of them are",
    "The recording was made in a church, which is why the voices sound so",
    "When the ferry turned into the harbour, the passengers gathered on",
    "The new timetable gives the night trains more time at the border, because",
    "She read the letter slowly, folded it, and put it back into the",
    "Glass cools unevenly, so a thick piece has to be kept warm for",
    "The village has one shop, one school, and a hall that is used for",
    "Owls hunt mostly by ear, and the shape of the face helps them to",
    "The carpenter measured the door frame again and found that one side was",
    "Several of the paintings were moved to the upper floor while the roof was being",
    "On the last day of the holiday we packed the car before breakfast and",
    "The wind turned to the north in the afternoon, and the boats were pulled",
    "A good pair of boots lasts for years if the leather is kept",
    "The orchestra tuned for a long time, then the lights went down and",
    "The path follows the river for some miles before it climbs towards the",
)
