"""For a stream whose encoding lacks the signs of a report: each has an ASCII word instead.

Rules and the signs in tables keep their width, so that columns stay in line.
"""

import codecs

PLAIN = "gradcheck.ascii"
"""Name of the error handler, for `reconfigure(errors=…)`."""
SIGNS = {
    "─": "-",
    "∂": "d",
    "∇": "D",
    "·": "*",
    "…": "~",
    "Σ": "sum ",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "÷": "/",
    "×": "x",
    "−": "-",
    "–": "-",
    "±": "+-",
    "√": "sqrt ",
    "ε": "eps",
    "π": "pi",
    "²": "^2",
    "³": "^3",
    "→": "->",
    "ᵀ": "^T",
    "⟨": "<",
    "⟩": ">",
}


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(SIGNS.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


codecs.register_error(PLAIN, _instead)


def encodable(signs: str, encoding: str) -> bool:
    """Whether an encoding has all of some signs."""
    try:
        signs.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
