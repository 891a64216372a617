"""Terms of texts by their hashes: what is counted, and that fields and kinds do not meet."""

import numpy as np

from goods.models.text.hashed_terms import Block, count_terms

BITS = 16


def terms_of(text: str, *blocks: Block, max_chars: int = 100) -> list[set[int]]:
    counted = count_terms([[text]], list(blocks), BITS, max_chars)
    return [set(part.tolist()) for part in np.split(counted.numbers, counted.offsets[1:-1])]


def test_words_and_pairs_of_them_are_counted_whatever_stands_between():
    words = Block(0, 2, 0, 0)
    (several,) = terms_of("Кружка, Синяя кружка", words)
    assert len(several) == 4  # two words, two pairs
    assert several == terms_of("кружка синяя — КРУЖКА!", words)[0]
    assert several > terms_of("кружка", words)[0]
    counted = count_terms([["ложка ложка ложка", "", "ложка"]], [Block(0, 1, 0, 0)], BITS, 100)
    assert counted.offsets.tolist() == [0, 1, 1, 2]
    assert counted.numbers[0] == counted.numbers[1]
    np.testing.assert_allclose(counted.counts, [1 + np.log(3), 1], rtol=1e-6)


def test_runs_of_characters_are_those_of_words_in_blanks():
    (runs,) = terms_of("ab", Block(0, 0, 2, 3))
    assert len(runs) == 5  # " a", "ab", "b ", " ab", "ab "
    assert runs < terms_of("ab cd", Block(0, 0, 2, 3))[0]


def test_fields_and_kinds_of_terms_do_not_share_numbers():
    blocks = [Block(0, 1, 0, 0), Block(1, 1, 0, 0), Block(0, 0, 3, 3)]
    counted = count_terms([["a"], ["a"]], blocks, BITS, 100)
    assert len(set(counted.numbers.tolist())) == 3


def test_long_texts_are_cut_and_signs_beyond_the_first_plane_are_letters():
    word = Block(0, 1, 0, 0)
    assert terms_of("кружка ложка", word, max_chars=6) == terms_of("кружка", word)
    assert len(terms_of("𝐀𝐁 😀", word)[0]) == 2
    assert len(terms_of("x" * 5000, Block(0, 0, 1, 5), max_chars=4000)[0]) == 14
