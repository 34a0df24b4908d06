"""Which checks of a suite run: by name, by how they ended the last time, and one part of several."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from gradcheck.errors import SuiteError, did_you_mean
from gradcheck.suite.job import Job
from gradcheck.suite.record import Record


@dataclass(frozen=True)
class Shard:
    """One part of a suite that several machines share."""

    number: int
    """From 1."""
    of: int

    @classmethod
    def read(cls, text: str) -> Self:
        """`2/8`; ValueError states the rule."""
        found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"{text!r} is no part: write 2/8 for the second of eight.")
        return cls(int(found[1]), int(found[2]))


def select(
    jobs: Sequence[Job],
    *,
    only: Sequence[str] = (),
    shard: Shard | None = None,
    last_failed: bool = False,
    record: Record | None = None,
) -> tuple[Job, ...]:
    """The checks that match one of the patterns, if there are some; of these, with `last_failed`, those that
    did not end as expected the last time, all where nothing is recorded; of these, those of the shard.

    Raises `SuiteError` where a pattern matches no name.
    """
    record = record or Record()
    chosen = _matching(jobs, only) if only else list(jobs)
    if last_failed and record.entries:
        chosen = [job for job in chosen if job.name in record.failed]
    return tuple(chosen if shard is None else _part(chosen, shard, record))


def _matching(jobs: Sequence[Job], patterns: Sequence[str]) -> list[Job]:
    names = [job.name for job in jobs]
    missed = [pattern for pattern in patterns if not any(_matches(name, pattern) for name in names)]
    if missed:
        near = "".join(did_you_mean(pattern, names) for pattern in missed[:1])
        shown = " and ".join(map(repr, missed))
        raise SuiteError(
            f"No check is named like {shown}.", f"{near}`gradcheck run --list` lists the {len(names)} names."
        )
    return [job for job in jobs if any(_matches(job.name, pattern) for pattern in patterns)]


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern is a part of a name, or with * and ? the whole; brackets stand for themselves, as
    names have them."""
    return pattern in name or fnmatchcase(name, pattern.replace("[", "[[]"))


def _part(jobs: Sequence[Job], shard: Shard, record: Record) -> list[Job]:
    """The jobs of one shard, of about the same time each: longest first, each to the shard with least so far.

    Without times the jobs are dealt out in turn.
    """
    known = [record.entries[job.name].seconds for job in jobs if job.name in record.entries]
    if not known:
        return list(jobs[shard.number - 1 :: shard.of])
    # What has not run yet takes what is usual.
    usual = statistics.median(known)
    times = [record.entries[job.name].seconds if job.name in record.entries else usual for job in jobs]
    loads = [(0.0, 0, number) for number in range(1, shard.of + 1)]
    mine = []
    for place in sorted(range(len(jobs)), key=lambda place: (-times[place], place)):
        load, count, number = least = min(loads)
        loads[loads.index(least)] = (load + times[place], count + 1, number)
        if number == shard.number:
            mine.append(place)
    return [jobs[place] for place in sorted(mine)]
