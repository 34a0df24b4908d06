"""An option: what a setting can be, and what users are told about it.

Its kind makes the value of a setting of what a user gives, or refuses that with a sentence: `read` takes what
is given in Python, `parse` what is written on the command line or in the environment. Both return a value
that `read` returns unchanged.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import Enum
from numbers import Integral, Real
from typing import Any

from gradcheck.errors import SettingError


class Kind:
    """What a setting can be."""

    metavar: str | None = None
    """What stands for the value in --help; None leaves it to Click."""

    def read(self, name: str, value: Any) -> Any:
        """The value of the setting `name`; `SettingError` where what is given can be none."""
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """The value that a text stands for; ValueError with a sentence where it stands for none.

        Click itself reads flags, whole numbers and words.
        """
        return text


class Flag(Kind):
    """Yes or no."""

    def read(self, name: str, value: Any) -> bool:
        """Whether it is true."""
        return bool(value)


@dataclass(frozen=True)
class Number(Kind):
    """A finite number > 0, or ≥ 0: NaN would decide comparisons."""

    zero: bool
    """Whether 0 is one."""
    metavar = "NUMBER"

    @property
    def rule(self) -> str:
        """What is taken, for a sentence."""
        return f"finite number {'≥' if self.zero else '>'} 0"

    def read(self, name: str, value: Any) -> float:
        """The number as float."""
        number = float(value) if isinstance(value, Real) else math.nan
        if math.isfinite(number) and (number > 0 or (self.zero and number == 0)):
            return number
        raise SettingError(f"`{name}` is {value!r}.", f"Give a {self.rule}.")

    def parse(self, text: str) -> float:
        """The number as float."""
        try:
            return self.read("", float(text))
        except (ValueError, SettingError):
            raise ValueError(f"{text!r} is no {self.rule}.") from None


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number from `least` on, up to `most` if there is one."""

    least: int
    remedy: str
    why: str = ""
    """What is wrong with another value, after it in the sentence."""
    most: int | None = None
    metavar = "N"

    def read(self, name: str, value: Any) -> int:
        """The number as int."""
        number = int(value) if isinstance(value, Integral) and not isinstance(value, bool) else self.least - 1
        if number >= self.least and (self.most is None or number <= self.most):
            return number
        raise SettingError(f"`{name}` is {value!r}{self.why}.", self.remedy)


@dataclass(frozen=True)
class Word(Kind):
    """One of the values of an enum."""

    words: type[Enum]

    @property
    def choices(self) -> list[str]:
        """The words that users write."""
        return [word.value for word in self.words]

    def read(self, name: str, value: Any) -> Any:
        """The member of the enum."""
        try:
            return self.words(value)
        except ValueError as error:
            known = ", ".join(self.choices)
            raise SettingError(f"There is no {name} {value!r}.", f"Choose from: {known}.") from error


class Words(Word):
    """Several values of an enum, or none."""

    def read(self, name: str, value: Any) -> tuple[Any, ...]:
        """The members of the enum in the order given."""
        given = [value] if isinstance(value, str | Enum) else value
        return tuple(super(Words, self).read(name, word) for word in given)


class Names(Kind):
    """Names of inputs, at least one."""

    metavar = "NAMES"

    def read(self, name: str, value: Any) -> tuple[str, ...]:
        """The names in the order given."""
        names = (value,) if isinstance(value, str) else tuple(value)
        if not names:
            raise SettingError(f"`{name}` names no input.", "Name at least one, or leave it out for all.")
        return names

    def parse(self, text: str) -> tuple[str, ...]:
        """The names between the commas."""
        names = tuple(name.strip() for name in text.split(",") if name.strip())
        if not names:
            raise ValueError("name at least one input, such as x or x,w.")
        return names


@dataclass(frozen=True)
class Amount(Kind):
    """A number with a unit."""

    of: Callable[[Any], Any]
    """Reads text, or a number without its unit; ValueError states the rule."""

    def read(self, name: str, value: Any) -> Any:
        """What `of` makes of it."""
        try:
            return self.of(value)
        except ValueError as error:
            raise SettingError(f"`{name}` is wrong: {error}") from error

    def parse(self, text: str) -> Any:
        """What `of` makes of it."""
        return self.of(text)


class Device(Kind):
    """The name of a device."""

    metavar = "NAME"

    def read(self, name: str, value: Any) -> str:
        """The name as it is: whether there is such a device is known once TensorFlow is loaded."""
        if not isinstance(value, str):
            raise SettingError(f"`{name}` is {value!r}.", "Name one, such as CPU:0.")
        return value


class Section(Enum):
    """Parts of --help, in their order."""

    TENSORS = "Tensors"
    CHECKS = "What to check, and how"
    TOLERANCE = "Tolerance"
    REPORT = "Report"
    LIMITS = "Limits"
    OTHER = "Other"


@dataclass(frozen=True)
class Option:
    """What a setting can be, and what users are told about it."""

    kind: Kind
    help: str
    """One line for --help."""
    doc: str
    """The documentation in Python."""
    metavar: str | None = None
    """What stands for the value in --help; None for that of the kind."""
    shown: str | None = None
    """What --help says of the default, nothing if empty; None for the default itself."""
    section: Section = Section.CHECKS


def setting(default: Any, kind: Kind, help: str, doc: str, **more: Any) -> Any:
    """A field of a dataclass of settings, with its default as users write it."""
    return field(default=default, metadata={"option": Option(kind, help, doc, **more)})


@dataclass(frozen=True)
class Options:
    """A dataclass whose fields are made by `setting`: it holds every value as its kind reads it."""

    def __post_init__(self) -> None:
        """Read every value; None stands where it is the default. Raises `SettingError`."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is not None or entry.default is not None:
                read = entry.metadata["option"].kind.read(entry.name, value)
                object.__setattr__(self, entry.name, read)

    @classmethod
    def options(cls) -> dict[str, Option]:
        """What users are told about each field, by its name."""
        return {entry.name: entry.metadata["option"] for entry in fields(cls)}

    def to_dict(self) -> dict[str, object]:
        """The values as numbers, text and lists, for JSON."""
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}


def _plain(value: Any) -> object:
    """A value for JSON: an enum as its word, what JSON does not know as text."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Enum):
        return value.value
    return value if value is None or isinstance(value, bool | int | float) else str(value)
