"""Which passages of a small corpus fit a query: BM25 over the text files beside this module."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TypedDict

SATURATION, LENGTH_WEIGHT = 1.5, 0.75  # BM25's k1 and b, at their usual values


class Passage(TypedDict):
    """One paragraph, with the name to cite it by."""

    source: str
    text: str


def words(text: str) -> list[str]:
    """Lower-case words, a plural's s cut off."""
    return [word.removesuffix("s") for word in re.findall(r"[a-z0-9]+", text.lower())]


@cache
def passages() -> tuple[Passage, ...]:
    """Every paragraph of the corpus."""
    files = sorted((Path(__file__).parent / "corpus").glob("*.txt"))
    return tuple(
        Passage(source=f"{file.stem}-{number}", text=" ".join(paragraph.split()))
        for file in files
        for number, paragraph in enumerate(file.read_text(encoding="utf-8").strip().split("\n\n"), 1)
    )


def search(query: str, count: int = 3) -> list[Passage]:
    """The `count` passages that fit best, best first; none that shares no word with the query."""
    corpus = [Counter(words(passage["text"])) for passage in passages()]
    mean_length = sum(map(Counter.total, corpus)) / len(corpus)
    scores = [0.0] * len(corpus)
    for word in set(words(query)):
        containing = sum(word in bag for bag in corpus)
        rarity = math.log(1 + (len(corpus) - containing + 0.5) / (containing + 0.5))
        for index, bag in enumerate(corpus):
            norm = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * bag.total() / mean_length)
            scores[index] += rarity * bag[word] * (SATURATION + 1) / (bag[word] + norm)
    best = sorted(range(len(corpus)), key=lambda index: -scores[index])[:count]
    return [passages()[index] for index in best if scores[index] > 0]
