"""Who reaches what of a home, as a map: its shape, how two of them differ, and how it is shown.

`python -m home exposure` draws the map from a home's description, `python -m twin exposure` reads it back from what the
twin holds. The two share the words of this package and nothing else, so that neither can lean on the other. Knows
nothing of homes, of Kubernetes or of doors; imports `pages`, of ours, for the page.
"""

from __future__ import annotations

from exposure.difference import Differing, arranged, difference_data, differences
from exposure.shape import COLUMNS, Cell, Column, Exposure, Kind, Row, Way, as_data, cell, from_data, row

__all__ = [
    "COLUMNS",
    "Cell",
    "Column",
    "Differing",
    "Exposure",
    "Kind",
    "Row",
    "Way",
    "arranged",
    "as_data",
    "cell",
    "difference_data",
    "differences",
    "from_data",
    "row",
]
