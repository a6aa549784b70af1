"""What a text means, as a direction: texts that mean much the same point the same way.

MiniLM (see `models.convert.minilm`) reads English. It comes with the package.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

WIDTH = 384
"""Numbers that stand for a text."""
MODEL = "minilm"
LONGEST = 256
"""Word pieces that are read of a text, as the network was trained; what follows is left out."""

_AT_ONCE = 32
_REMEMBERED = 4096
_known: dict[str, NDArray[np.float32]] = {}
_UNKNOWN, _FIRST, _LAST = 100, 101, 102
_LONG = 100
"""Letters of a word from which on it is not looked up."""


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return what texts mean.

    Reimers and Gurevych, "Sentence-BERT" (EMNLP 2019).

    Returns:
        `N×384`, each of length 1: the scalar product of two says how alike they are, about 0 for nothing in common.

    Raises:
        ModelError: The model's file is damaged.
    """
    from melies.models import load

    session = load(MODEL)
    pieces = [[_FIRST, *wordpieces(text)[: LONGEST - 2], _LAST] for text in texts]
    order = sorted(range(len(texts)), key=lambda index: len(pieces[index]))
    made = np.empty((len(texts), WIDTH), np.float32)
    for at in range(0, len(order), _AT_ONCE):
        chosen = order[at : at + _AT_ONCE]
        words = np.zeros((len(chosen), len(pieces[chosen[-1]])), np.int64)
        for row, index in enumerate(chosen):
            words[row, : len(pieces[index])] = pieces[index]
        made[chosen] = session.run({"words": words})["meaning"]
    return made


def embed_words(words: Sequence[str]) -> NDArray[np.float32]:
    """Do as `embed` does, and remember the result: for the few hundred words that name things over and over."""
    new = [word for word in dict.fromkeys(words) if word not in _known]
    if len(_known) + len(new) > _REMEMBERED:
        _known.clear()
        new = list(dict.fromkeys(words))
    if new:
        _known.update(zip(new, embed(new), strict=True))
    return np.array([_known[word] for word in words], np.float32).reshape(-1, WIDTH)


def wordpieces(text: str) -> list[int]:
    """Return the numbers of the pieces that BERT's dictionary of lower-case English cuts a text into.

    Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding" (NAACL 2019).
    """
    return [number for word in _words(text) for number in _pieces(word)]


@cache
def _dictionary() -> dict[str, int]:
    listed = (files("melies.models") / "data" / "minilm-words.txt").read_text(encoding="utf-8")
    return {word: number for number, word in enumerate(listed.splitlines())}


def _words(text: str) -> Iterator[str]:
    """Words in small letters without accents; punctuation and Chinese characters stand alone."""
    spaced = "".join(_spaced(letter) for letter in text)
    plain = unicodedata.normalize("NFD", spaced)
    for word in "".join(letter for letter in plain if unicodedata.category(letter) != "Mn").lower().split(" "):
        start = 0
        for at, letter in enumerate(word):
            if _is_punctuation(letter):
                yield from filter(None, (word[start:at], letter))
                start = at + 1
        if word[start:]:
            yield word[start:]


def _spaced(letter: str) -> str:
    if letter in "\t\n\r" or unicodedata.category(letter) in ("Zs", "Zl", "Zp"):
        return " "
    if letter == "\ufffd" or unicodedata.category(letter) in ("Cc", "Cf", "Co"):
        return ""
    return f" {letter} " if _is_chinese(ord(letter)) else letter


def _is_punctuation(letter: str) -> bool:
    return (letter < "\x80" and not letter.isalnum()) or unicodedata.category(letter)[0] == "P"


def _is_chinese(code: int) -> bool:
    """Whether it is one of Unicode's CJK ideographs."""
    return (
        0x3400 <= code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2CEAF
        or 0x2F800 <= code <= 0x2FA1F
    )


def _pieces(word: str) -> list[int]:
    """The longest beginning that the dictionary has, then the longest of the rest, and so on."""
    known, found, start = _dictionary(), [], 0
    if len(word) > _LONG:
        return [_UNKNOWN]
    while start < len(word):
        prefix = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in known), None)
        if end is None:
            return [_UNKNOWN]
        found.append(known[prefix + word[start:end]])
        start = end
    return found
