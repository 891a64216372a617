"""Which run the submission that is there is of."""

from __future__ import annotations

from goods.submit.copies import KEY, is_of_another, keep


def test_a_submission_is_of_the_run_whose_key_its_kept_copy_has(tmp_path):
    result = tmp_path / "result.parquet"
    assert not is_of_another(result, "a")  # there is none
    result.write_bytes(b"one")
    assert not is_of_another(result, "a")  # nobody knows
    keep(result, {KEY: "a\n"})
    assert not is_of_another(result, "a") and is_of_another(result, "b")
    result.write_bytes(b"two")
    keep(result, {KEY: "b\n"})
    assert is_of_another(result, "a") and not is_of_another(result, "b")
