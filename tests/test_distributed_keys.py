"""Keys of events thrown into parts: numbered a part at a time, they join what one machine joins."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.distributed import keys
from riskwarn.history.columns import numbered_keys

SOME = st.lists(st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["", "k1", "k12", "甲 7"])), max_size=40)


@given(SOME, SOME, st.integers(1, 5), st.randoms(use_true_random=False))
def test_keys_numbered_in_parts_join_the_same_events(tmp_path_factory, one, other, n_parts, random):
    """Two events have one number exactly where they have one key, none where it is empty, in however many parts; those not looked at have none."""
    folder = tmp_path_factory.mktemp("keys")
    columns = [pa.chunked_array([pa.array(some, pa.string())]) for some in (one, other)]
    said = [keys.write(folder, "case_id", number, column, n_parts) for number, column in enumerate(columns)]
    looked = np.array([random.random() < 0.8 for _ in (*one, *other)], dtype=bool)
    place = np.where(looked, np.cumsum(looked) - 1, -1)
    number, words = np.full(looked.sum(), -1), []
    for at, found, some in keys.numbered(folder, "case_id", (0, 1), n_parts, np.split(place, [len(one)])):
        number[at] = found
        words += some.to_pylist()

    wanted, _ = numbered_keys(pa.chunked_array([pa.array([*one, *other], pa.string())]))
    assert said == [any(some) for some in (one, other)]
    assert ((number < 0) == (wanted[looked] < 0)).all()
    same = number[:, None] == number
    assert (same == (wanted[looked][:, None] == wanted[looked])).all()
    every = [key for key, here in zip([*one, *other], looked, strict=True) if here and key]
    assert [words[n] for n in number[number >= 0]] == every
    assert len(words) == len(set(words)) == len(set(every))


def test_parts_are_of_about_one_size():
    """Keys that count upwards, and keys that are digests, are spread over the parts."""
    counted = pa.array([f"case-{i:06d}" for i in range(3000)])
    digests = pa.array([f"{i * 2_654_435_761 % 2**32:08x}" for i in range(3000)])
    for some in (counted, digests):
        assert np.bincount(keys.part_of(some, 8), minlength=8).min() > 250


@pytest.mark.parametrize("first", [0, 3])
def test_the_part_of_a_key_hangs_on_the_key_alone(first):
    """A key in the midst of others, or in a slice of them, is in the part it is in alone."""
    words = ["a", "ab", "", "abcdefghijk", "甲乙", "k1"]
    every = pa.array(words)[first:]

    alone = [int(keys.part_of(pa.array([word]), 7)[0]) for word in words[first:]]
    assert keys.part_of(every, 7).tolist() == alone
