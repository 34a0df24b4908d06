"""A Report as strict JSON."""

from __future__ import annotations

import json

from gradcheck.report.report import Report


def to_json(report: Report) -> str:
    """Indented JSON with a newline at its end; numbers that are not finite are strings."""
    return json.dumps(report.to_dict(), allow_nan=False, indent=2, ensure_ascii=False) + "\n"
