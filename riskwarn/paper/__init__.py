"""What is read on paper, and its files: a bulletin, a handover, a meeting's list, a summary.

::

    form       title, sections, tables and rows: what every kind of file is written from
    writing    .docx, .xlsx, .html or .json; document, workbook and page each know one
"""

from riskwarn.paper.form import Bulletin, Row, Section, Table
from riskwarn.paper.writing import ENDINGS, bulletin_bytes, check_bulletin_file, write_bulletin

__all__ = [
    "ENDINGS",
    "Bulletin",
    "Row",
    "Section",
    "Table",
    "bulletin_bytes",
    "check_bulletin_file",
    "write_bulletin",
]
