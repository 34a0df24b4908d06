"""The report of a check: its findings, and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from gradcheck.errors import GradientError
from gradcheck.report.findings import Findings


@dataclass(frozen=True)
class Report(Findings):
    """Everything a check found out; true in a boolean context only if every gradient agrees."""

    @staticmethod
    def of(findings: Findings, **changed: Any) -> Report:
        """The report of some findings, with some of their fields changed."""
        known = {field.name: getattr(findings, field.name) for field in fields(Findings)}
        return Report(**(known | changed))

    def __bool__(self) -> bool:
        return self.passed

    def raise_for_failure(self) -> None:
        """Raise `GradientError`, with the plain table as its message, unless the check passed."""
        if not self.passed:
            raise GradientError(str(self))

    def __str__(self) -> str:
        from gradcheck.render.table import to_text

        return to_text(self)

    def to_dict(self) -> dict[str, object]:
        """The report as JSON values; numbers that are not finite become "nan", "inf" or "-inf"."""
        from gradcheck.render.json import to_dict

        return to_dict(self)
