"""A bulletin as one HTML file that needs nothing else, and prints on A4."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from riskwarn.paper.form import Bulletin


def page(bulletin: Bulletin) -> bytes:
    """The bytes of an .html; the same for the same bulletin."""
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    pages.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return pages.get_template("paper.html").render(b=bulletin).encode()
