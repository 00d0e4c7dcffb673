"""The till's secret: one word in a file of nobody else's, and every fault told but not the word."""

import os
from pathlib import Path

import pytest

from readers.terminal.errors import TillSecretUnusable
from readers.terminal.till_secret import MAX_LENGTH, MIN_LENGTH, read_secret

WORD = b"s" * MIN_LENGTH


def a_file(directory: Path, content: bytes, mode: int = 0o600) -> Path:
    path = directory / "till.secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def faults(path: Path) -> tuple[str, ...]:
    with pytest.raises(TillSecretUnusable) as refused:
        read_secret(path)
    assert all(str(path) in fault for fault in refused.value.faults)
    return refused.value.faults


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("word", [WORD, b"a" * MAX_LENGTH, b"Ab9-._~+/" * 5 + b"=="])
def test_the_word_is_taken_without_the_end_of_its_line(
    tmp_path: Path, word: bytes, end: bytes
) -> None:
    assert read_secret(a_file(tmp_path, word + end)).is_shown_by(word)


def test_a_file_that_only_its_owner_may_read_but_not_write_will_do(tmp_path: Path) -> None:
    assert read_secret(a_file(tmp_path, WORD, 0o400)).is_shown_by(WORD)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o777])
def test_a_file_open_to_other_accounts(tmp_path: Path, mode: int) -> None:
    (fault,) = faults(a_file(tmp_path, WORD, mode))
    assert f"mode {mode:04o}" in fault


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", WORD[:-1], b"a" * (MAX_LENGTH + 1), WORD + b" " + WORD, WORD + b"\n" + WORD,
        WORD + b"\0", "sécret".encode() * 9, b"=" * MIN_LENGTH,
    ],
)  # fmt: skip
def test_what_is_no_word_of_enough_letters(tmp_path: Path, content: bytes) -> None:
    (fault,) = faults(a_file(tmp_path, content))
    assert "one word of 32 to 512" in fault


def test_two_faults_are_both_told_and_the_word_is_not(tmp_path: Path) -> None:
    told = faults(a_file(tmp_path, b"letmein", 0o644))
    assert len(told) == 2
    assert "letmein" not in " ".join(told)


def test_a_file_that_is_not_there_a_directory_and_a_pipe(tmp_path: Path) -> None:
    assert "cannot be read" in faults(tmp_path / "none")[0]
    assert "cannot be read" in faults(tmp_path)[0]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "is no file" in faults(pipe)[0]
