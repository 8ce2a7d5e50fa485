"""Text that compresses as messages do, and bytes that do not: the same for the same seed, in every environment."""

import itertools
import random

_SYLLABLES = tuple(
    first + vowel + last
    for first in "bcdfglmnprstv"
    for vowel in "aeiou"
    for last in ("", "", "n", "r", "s", "l")
)
_WORDS = 4_000
_COMMON = 40  # words of one syllable
_FALL = 1.1  # how much rarer each next word is (Zipf): 1 MB of 1 KB messages then goes to about 1/3.5 under zstd 3


class Writer:
    """Writes sentences of made-up words, common and rare ones as in a language."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - text, no secret
        lengths = (1 if rank < _COMMON else self._random.randint(2, 4) for rank in range(_WORDS))
        self._words = ["".join(self._random.choices(_SYLLABLES, k=length)) for length in lengths]
        self._weights = list(itertools.accumulate(1 / (rank + 1) ** _FALL for rank in range(_WORDS)))

    def text(self, size: int) -> str:
        """The next `size` characters, each a byte."""
        sentences: list[str] = []
        length = 0
        while length < size:
            words = self._random.choices(
                self._words, cum_weights=self._weights, k=self._random.randint(6, 16)
            )
            sentences.append(" ".join(words).capitalize() + ". ")
            length += len(sentences[-1])
        return "".join(sentences)[:size]


def noise(size: int, seed: int) -> bytes:
    """Bytes that no compression makes smaller."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - no secret
