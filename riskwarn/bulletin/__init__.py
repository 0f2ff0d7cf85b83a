"""The bulletin of a night, as a centre reads it on paper: whole, or of one county or township, in the reader's language.

::

    words      what it says
    area       which grids it is of, and how places are called
    totals     the last week of each feed beside what is usual
    listing    the list in its lanes, with why now, step, owner and times
    answers    what became of the alerts of the night before
    days       holidays and the festival ahead
    making     the seven sections; riskwarn.paper writes them as .docx, .xlsx, .html or .json
"""

from riskwarn.bulletin.area import Area
from riskwarn.bulletin.making import make_bulletin, make_bulletins
from riskwarn.paper import ENDINGS, Bulletin, Row, Section, Table, check_bulletin_file, write_bulletin

__all__ = [
    "ENDINGS",
    "Area",
    "Bulletin",
    "Row",
    "Section",
    "Table",
    "check_bulletin_file",
    "make_bulletin",
    "make_bulletins",
    "write_bulletin",
]
