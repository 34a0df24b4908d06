"""The slope of one element from its levels, by the definitions of step_selection.py, one number at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import NamedTuple

INF = math.inf


class Slope(NamedTuple):
    """What is known of one element; a number for each cotangent where there are several."""

    value: list[float]
    bound: list[float]
    half: list[float]
    size: float
    rounding: float
    step: float
    one_sided: bool
    output_noise: float


@dataclass
class Ladder:
    """Levels of one element, coarse to fine: D⁺, D⁻ and gaps [level][cotangent], the rest [level]."""

    scale: float
    steps: list[float]
    up: list[list[float]]
    down: list[list[float]]
    gap: list[list[float]]
    size: list[float]
    held: list[float]
    rounding: list[float]

    def __post_init__(self) -> None:
        self.count, self.ks = len(self.steps), range(len(self.up[0]))
        self.central = [[(a + b) / 2 for a, b in zip(*pair, strict=True)] for pair in self.sides()]
        self.widest = [max(row) if all(map(math.isfinite, row)) else INF for row in self.gap]
        self.noise = [self.noise_at(level) for level in range(self.count)]

    def sides(self) -> list[tuple[list[float], list[float]]]:
        return list(zip(self.up, self.down, strict=True))

    def noise_at(self, level: int) -> float:
        """Four roundings of the outputs that have moved so far and of each contribution, over the step"""
        moved = self.rounding[level] * self.steps[level]
        lost = 4 * (max(self.held[: level + 1]) + (moved if math.isfinite(moved) else 0))
        if self.count >= 12:
            lost = max(lost, 2 * self.measured())
        return lost / self.steps[level]

    def measured(self) -> float:
        """How far neighbours are apart, over the six finest"""
        moves = []
        for at in range(self.count - 1):
            apart = [abs(a - b) for a, b in zip(self.central[at], self.central[at + 1], strict=True)]
            if all(map(math.isfinite, apart)):
                moves.append(max(apart) * self.steps[at])
        return median(moves[-6:] or [0.0])

    def settled(self) -> Slope:
        """The slope without steps that are lost, where only those hide it; at an edge that of one side"""
        found = self.slope()
        lost = [self.is_lost(level) for level in range(self.count)]
        if self.count >= 12 and any(lost) and not any(found.half):
            other = self.without(lost).slope()
            if not any(other.half) and all(bound <= 1e-3 * other.size for bound in other.bound):
                found = other
        above, below = (sum(all(map(math.isfinite, row)) for row in side) for side in (self.up, self.down))
        enough = min(4, self.count)
        if min(above, below) < enough <= max(above, below):
            return self.at_the_edge(self.up if above >= below else self.down)
        return found

    def is_lost(self, level: int) -> bool:
        """Whether outputs that moved further out by no more than 64 roundings at this step stand still"""
        seen = max(filter(math.isfinite, self.size[: level + 1]), default=0.0)
        held = max(self.held[: level + 1])
        return self.size[level] == 0 < seen and seen * self.steps[level] <= 64 * held

    def without(self, lost: list[bool]) -> Ladder:
        """As if the lost levels were not finite"""
        up, down, gap = (
            [[math.nan] * len(row) if gone else row for row, gone in zip(rows, lost, strict=True)]
            for rows in (self.up, self.down, self.gap)
        )
        return replace(self, up=up, down=down, gap=gap)

    def at_the_edge(self, side: list[list[float]]) -> Slope:
        """Each level and the next extrapolated to second order, (q D(h/q) − D(h)) / (q − 1)"""
        value, noise = [], []
        for level, ratio in enumerate(a / b for a, b in pairwise(self.steps)):
            pairs = zip(side[level], side[level + 1], strict=True)
            value.append([(ratio * near - far) / (ratio - 1) for far, near in pairs])
            noise.append((ratio * self.noise[level + 1] + self.noise[level]) / (ratio - 1))
        level, bound = best(value, noise, [0.0] * len(value), self.steps[:-1])
        size = math.nan if any(map(math.isnan, value[level])) else max(map(abs, value[level]))
        rounding = self.rounding[level] if math.isfinite(self.rounding[level]) else 0.0
        half, unseen = [0.0 for _ in self.ks], max(self.held) / self.scale
        return Slope(value[level], bound, half, size, rounding, self.steps[level], True, unseen)

    def slope(self) -> Slope:
        """Where a corner shows, its interval, else the best level"""
        level = self.corner()
        unseen = max(self.held) / self.scale
        if level is not None:
            half = [gap / 2 for gap in self.gap[level]]
            bound = [self.drift(level)[k] for k in self.ks]
            rest = self.size[level], self.rounding[level], self.steps[level], False, unseen
            return Slope(self.central[level], bound, half, *rest)
        level, bound = best(self.central, self.noise, self.widest, self.steps)
        value = self.central[level]
        size = max(self.size[level] - self.gap[level][0] / 2, abs(value[0]))
        rest = size, self.rounding[level], self.steps[level], False, unseen
        return Slope(value, bound, [0.0 for _ in self.ks], *rest)

    def drift(self, level: int) -> list[float]:
        """How far either side moves to the next level"""
        here, there = self.sides()[level], self.sides()[level + 1]
        moved = [[abs(here[side][k] - there[side][k]) for side in (0, 1)] for k in self.ks]
        return [(max(both) if all(map(math.isfinite, both)) else INF) + self.noise[level] for both in moved]

    def corner(self) -> int | None:
        """The steadiest level whose gap is that of all finer ones, down to a fiftieth of its step"""
        found = [level for level in range(self.count - 1) if self.is_corner(level)]
        return min(found, key=lambda level: max(self.drift(level)), default=None)

    def is_corner(self, level: int) -> bool:
        wide, unseen = self.widest[level], max(self.held) / self.scale
        if not (math.isfinite(wide) and wide > 0):
            return False
        roughness = 10 * (self.rounding[level] / self.size[level]) ** (2 / 3) * self.size[level]
        if not (wide > max(4 * self.noise[level], roughness, 64 * unseen)):
            return False
        finer = range(level + 1, self.count)
        same = all(
            abs(self.widest[at] - wide) <= 0.5 * wide + 4 * self.noise[at]
            for at in finer
            if math.isfinite(self.widest[at])
        )
        far = any(
            math.isfinite(self.widest[at])
            and wide > 8 * self.noise[at]
            and self.steps[level] >= 50 * self.steps[at]
            for at in finer
        )
        return same and far


def best(
    central: list[list[float]], noise: list[float], widest: list[float], steps: list[float]
) -> tuple[int, list[float]]:
    """The level that agrees with all finer ones and has the smallest bound, and its bounds"""
    errors = [error_at(level, central, noise, steps) for level in range(len(steps))]
    trusted = [is_trusted(level, central, noise, widest) for level in range(len(steps))]
    worst = [max(error) if good else INF for error, good in zip(errors, trusted, strict=True)]
    level = worst.index(min(worst))
    return level, errors[level] if math.isfinite(min(worst)) else [INF] * len(errors[level])


def error_at(level: int, central: list[list[float]], noise: list[float], steps: list[float]) -> list[float]:
    """The truncation c₁ h², by the finer level that tells it best, and noise"""
    errors = []
    for k, value in enumerate(central[level]):
        reach = [INF]
        for at in range(level + 1, len(steps)):
            apart = abs(value - central[at][k])
            shrunk = min((steps[at] / steps[level]) ** 2, 0.9)
            if math.isfinite(apart):
                reach.append(1.2 * apart / (1 - shrunk) + noise[at])
        errors.append(min(reach) + noise[level])
    return errors


def is_trusted(level: int, central: list[list[float]], noise: list[float], widest: list[float]) -> bool:
    """Equal to each finer level within noise, and no closer sides than there"""
    if level == len(central) - 1 or not all(map(math.isfinite, central[level])):
        return False
    for at in range(level + 1, len(central)):
        apart = [abs(a - b) for a, b in zip(central[level], central[at], strict=True)]
        both = noise[level] + noise[at]
        if any(math.isfinite(far) and far > 2 * both for far in apart):
            return False
        if all(map(math.isfinite, apart)) and widest[at] > 1.5 * widest[level] + 4 * both:
            return False
    return True
