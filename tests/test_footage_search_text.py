"""What texts mean: the dictionary's pieces, the network, and how it is written as ONNX."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melies.errors import ModelError
from melies.footage.text import LONGEST, WIDTH, _dictionary, embed, embed_words, wordpieces
from melies.models.convert import minilm
from melies.models.convert.minilm import _small


@pytest.fixture(scope="module")
def reference():
    """BERT's tokenizer by the package `tokenizers`, over our dictionary."""
    tokenizers = pytest.importorskip("tokenizers", reason="it comes with melies[footage]")
    from tokenizers import models, normalizers, pre_tokenizers

    made = tokenizers.Tokenizer(models.WordPiece(_dictionary(), unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


SENTENCES = (
    "A man, riding a bicycle; in the street (at night)!",
    "contre-jour, 3.5 seconds — naïve café déjà-vu",
    "unaffable pneumonoultramicroscopicsilicovolcanoconiosis",
    "日本の映画 and русское кино",
    "tab\tand\nnewline\u00a0no-break\u200b zero width",
    "x" * 200 + " word",
    "don't “quote” [CLS] $5 & 50% a_b #tag",
    "",
)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_pieces_are_those_of_bert(reference, sentence):
    assert wordpieces(sentence) == reference.encode(sentence).ids


@given(st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=30))
def test_pieces_of_any_latin_text_are_those_of_bert(reference, text):
    assert wordpieces(text) == reference.encode(text).ids


def test_directions():
    texts = ["a cat on a mat", "", "the stock market fell", "a kitten", "word " * 1000]
    made = embed(texts)
    assert made.shape == (5, WIDTH)
    assert made.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert made[0] @ made[3] > made[0] @ made[2] + 0.2
    assert len(wordpieces(texts[4])) > LONGEST  # what is too long is cut


def test_what_stands_beside_a_text_does_not_change_it():
    alone, together = embed(["a dog"]), embed(["a dog", "a very long sentence about something else entirely " * 5])
    np.testing.assert_allclose(alone[0], together[0], atol=1e-4)


def test_no_texts():
    assert embed([]).shape == (0, WIDTH)
    assert embed_words([]).shape == (0, WIDTH)


def test_words_are_remembered():
    first = embed_words(["car", "dog", "car"])
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first, embed_words(["car", "dog", "car"]))
    np.testing.assert_allclose(first[1], embed(["dog"])[0], atol=1e-4)


def test_known_likenesses():
    """The nearest word is the one that people would choose."""
    words = ["Egyptian cat", "espresso", "soccer ball", "palace", "lemon", "missile", "seashore", "mountain bike"]
    asked = {"a pet animal": 0, "someone drinking coffee": 1, "football match": 2, "citrus fruit": 4,
             "rocket launch": 5, "beach at the sea": 6, "a man riding a bicycle": 7}  # fmt: skip
    alike = embed(list(asked)) @ embed(words).T
    assert alike.argmax(1).tolist() == list(asked.values())


def test_matrices_in_eight_bits():
    matrix = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    matrix[:, 1] = 0
    for axis in (0, 1):
        stored, scale = _small(matrix, axis)
        assert stored.dtype == np.int8
        assert scale.shape == ((1, 4), (6, 1))[axis]
        assert np.abs(stored * scale - matrix).max() <= scale.max() / 2 + 1e-7


def test_other_weights_are_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="not the weights of all-MiniLM"):
        minilm.convert({"embeddings.word_embeddings.weight": np.zeros((3, 384), np.float32)})


def test_weights_are_taken_out_of_a_zip_file(tmp_path: Path):
    from melies.models.convert import convert

    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("model.safetensors", b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelError, match="weights"):
        convert("checkpoint", [archive], {"network": "minilm", "member": "model.safetensors"})
    assert (tmp_path / "model.safetensors").is_file()
