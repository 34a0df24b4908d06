"""Elements of a row that are moved by themselves beside directions, and what follows from the wrong ones."""

import numpy as np

from gradcheck.arrays.types import Array
from gradcheck.checks.row import Row
from gradcheck.verdicts.along_directions import Slopes
from gradcheck.verdicts.judgement import Judgement
from gradcheck.verdicts.verdict import ElementVerdict

SEVERAL = 3
"""Wrong elements from which a share of them tells of the others."""


class Singles:
    """The judgement of each element that was moved by itself."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.judged = Judgement.none(row.tape.shape[1])

    @property
    def checked(self) -> Array:
        """Mask of the elements that were moved, [n]."""
        return self.judged.checked

    def note(self, flat: Array, judged: Judgement) -> None:
        """Some elements were moved."""
        self.judged.write(flat, judged, self.checked.shape)

    def most_are_wrong(self, chosen: Array) -> bool:
        """Whether most of some elements are, as far as they were moved: then no search would end."""
        verdicts = self.judged.verdicts[chosen]
        wrong = int(np.count_nonzero((verdicts == ElementVerdict.MISMATCH) & ~self.judged.corner[chosen]))
        moved = int(np.count_nonzero(verdicts != ElementVerdict.UNCHECKED))
        return wrong >= SEVERAL and 2 * wrong > moved

    def taken_out(self, slopes: Slopes, *, beside: bool) -> Slopes:
        """The slopes of a stratum without the errors of mismatches.

        `beside` corners: what one-sided slopes refuse there may be the limit of gradients, and stays in.
        """
        chosen, judged = slopes.directions.chosen, self.judged
        wrong = judged.verdicts[chosen] == ElementVerdict.MISMATCH
        wrong &= np.isfinite(judged.difference[chosen])
        if beside:
            wrong &= ~judged.corner[chosen]
        if not wrong.any():
            return slopes
        errors = np.zeros(slopes.tape.shape)
        errors[:, wrong] = self._errors(chosen[wrong])
        return slopes.without(errors)

    def _errors(self, flat: Array) -> Array:
        """Tape less difference for all cotangents, [cotangents, flat]; known for the one that is shown."""
        tape, cotangents = self.row.tape[:, flat], self.row.problem.cotangents
        off = tape[0] - self.judged.difference[flat]
        if cotangents.shape[1] == 1:
            return np.asarray(cotangents / cotangents[0, 0] * off)
        # Of several outputs the error is taken to be the same share for every cotangent.
        with np.errstate(divide="ignore", invalid="ignore"):
            others = tape * np.where(tape[0] == 0, 0.0, off / tape[0])
        others[0] = off
        return others
