"""Which checks run: patterns, the last run, and shards."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from gradcheck.errors import SuiteError
from gradcheck.suite.job import Job
from gradcheck.suite.record import Entry, Record
from gradcheck.suite.selection import Shard, select

NAMES = ["pool[padding=same]", "pool[padding=valid]", "gelu", "gelu#2", "Dense"]
JOBS = [Job(name, ("layer", name), "/") for name in NAMES]


def recorded(*seconds: float | None, failed: tuple[int, ...] = ()) -> Record:
    """A record of some of the jobs."""
    return Record(
        None,
        {
            f"{number}": Entry(time, "fail", number not in failed)
            for number, time in enumerate(seconds)
            if time is not None
        },
    )


def numbered(count: int) -> list[Job]:
    """Jobs named 0, 1, 2 and so on"""
    return [Job(str(number), (), "/") for number in range(count)]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["gelu"], ["gelu", "gelu#2"]),
        (["gel?"], ["gelu"]),
        (["pool[padding=valid]"], ["pool[padding=valid]"]),
        (["*[padding=s*]", "ens"], ["pool[padding=same]", "Dense"]),
        (["*"], NAMES),
    ],
)
def test_patterns_are_parts_of_names_or_have_wildcards(patterns: list[str], names: list[str]) -> None:
    assert [job.name for job in select(JOBS, only=patterns)] == names


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(SuiteError) as raised:
        select(JOBS, only=["dense", "gelu", "x*"])

    assert str(raised.value) == (
        "No check is named like 'dense' and 'x*'. Did you mean Dense? "
        "`gradcheck run --list` lists the 5 names."
    )


def test_the_last_failed_are_those_that_ended_otherwise_than_expected() -> None:
    jobs = numbered(4)

    chosen = select(jobs, last_failed=True, record=recorded(1, None, 1, 1, failed=(0, 3)))

    assert [job.name for job in chosen] == ["0", "3"]
    assert select(jobs, last_failed=True, record=recorded(1, 1)) == ()
    assert select(jobs, last_failed=True, record=Record()) == tuple(jobs)


def test_without_times_shards_are_dealt_out_in_turn() -> None:
    parts = [select(numbered(7), shard=Shard(number, 3)) for number in (1, 2, 3)]

    assert [[job.name for job in part] for part in parts] == [["0", "3", "6"], ["1", "4"], ["2", "5"]]


def test_with_times_the_longest_come_first() -> None:
    """By hand, with the median of 5.5 for the check without a time: 9 | 7 | 6, then 5.5 to the third (11.5),
    5 to the second (12), 4 to the first (13), 3 to the third (14.5)."""
    record = recorded(3, 4, 5, None, 6, 7, 9)
    parts = [select(numbered(7), shard=Shard(number, 3), record=record) for number in (1, 2, 3)]

    assert [[job.name for job in part] for part in parts] == [["1", "6"], ["2", "5"], ["0", "3", "4"]]


def test_every_check_is_in_one_shard_and_shards_take_about_as_long() -> None:
    """Longest first is at most 4/3 of the best, which is at least the mean and the longest (Graham 1969)."""
    random = Random(0)
    for count, of in itertools.product((0, 1, 5, 40), (1, 2, 8)):
        times = [random.expovariate(1) for _ in range(count)]
        record = recorded(*times)
        parts = [
            select(numbered(count), shard=Shard(number, of), record=record) for number in range(1, of + 1)
        ]

        assert sorted(int(job.name) for part in parts for job in part) == list(range(count))
        loads = [sum(times[int(job.name)] for job in part) for part in parts]
        two = sorted(times, reverse=True)[of - 1 : of + 1]
        best = max([sum(times) / of, *times, sum(two) if len(two) == 2 else 0])
        assert max(loads) <= 4 / 3 * best + 1e-12


def test_checks_that_take_no_time_are_shared_out_too() -> None:
    parts = [select(numbered(6), shard=Shard(number, 3), record=recorded(*[0.0] * 6)) for number in (1, 2, 3)]

    assert [len(part) for part in parts] == [2, 2, 2]


def test_shards_are_those_of_what_is_selected() -> None:
    assert [job.name for job in select(JOBS, only=["gelu"], shard=Shard(2, 2))] == ["gelu#2"]


def test_a_shard_is_written_as_a_fraction() -> None:
    assert Shard.read(" 2/8 ") == Shard(2, 8)
    for text in ("0/8", "9/8", "2", "2/", "a/b", "2/8/9", "-1/8", "1/0", "1.0/2"):
        with pytest.raises(ValueError, match=r"is no part: write 2/8 for the second of eight\.$"):
            Shard.read(text)
