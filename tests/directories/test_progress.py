import pytest

from opensense_okta.directories.protocol import Progress, format_progress


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress("users", 0), "0 users"),
        (Progress("users", 12_345), "12,345 users"),
        (Progress("groups' members", 20, 5000), "20 of 5,000 groups' members"),
        (Progress("users", 0, 0), "0 of 0 users"),
        (Progress("groups", 7, note="waiting 12 s"), "groups: waiting 12 s"),
    ],
)
def test_progress_in_one_line(progress: Progress, words: str) -> None:
    assert format_progress(progress) == words
