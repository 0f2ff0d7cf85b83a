"""How Sphinx makes the site: ``make site``. It asks no other host for anything, and every warning is an error."""

import functools
import inspect
import re
import sys
import typing
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import make_reference  # noqa: E402 - it stands beside this file
import run_notebook  # noqa: E402
from numpydoc import docscrape_sphinx  # noqa: E402
from sphinx import addnodes  # noqa: E402

import riskwarn  # noqa: E402

project = "riskwarn"
author = "riskwarn"
copyright = "riskwarn, Apache 2.0"  # noqa: A001 - Sphinx's name
release = version = riskwarn.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
nitpicky = False

html_theme = "furo"
html_title = "riskwarn"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}
templates_path = ["site/templates"]
html_static_path = ["site/static"]
html_css_files = ["notebook.css"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
maximum_signature_line_length = 88
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
toc_object_entries = False


def plain_signature(
    _app: Any, what: str, _name: str, thing: Any, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A signature whose kinds are short: no modules, and no rules of validation, which the docstring tells."""
    if what not in {"function", "method", "class"} or signature is None:
        return signature, returns
    try:
        found, hints = inspect.signature(thing), typing.get_type_hints(thing)
    except (NameError, TypeError, ValueError):
        return signature, returns
    kept = [
        p.replace(annotation=hints.get(p.name, p.annotation)) for p in found.parameters.values() if p.name != "self"
    ]
    text = str(found.replace(parameters=kept, return_annotation=inspect.Signature.empty))
    gives = hints.get("return", found.return_annotation)
    shown = "" if gives is inspect.Signature.empty or what == "class" else make_reference._shown(gives)  # noqa: SLF001
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(\w+)", r"\1", text), shown or None


def plain_kinds(_app: Any, page: Any) -> None:
    """In signatures only the twelve names lead somewhere: to look up every other kind would take half of the time of the site."""
    for signature in page.findall(addnodes.desc_signature):
        for kind in list(signature.findall(addnodes.pending_xref)):
            home = riskwarn._HOME.get(kind["reftarget"])  # noqa: SLF001 - of the same house
            if home is None:
                kind.replace_self(kind.children)
            else:
                kind["reftarget"] = f"riskwarn.{home}.{kind['reftarget']}"
                del kind.attributes["refspecific"]


def without_guests(_app: Any, _what: str, _name: str, thing: Any, skip: bool, _options: Any) -> bool | None:  # noqa: FBT001
    """What a class has from scikit-learn alone is told by scikit-learn."""
    return True if getattr(thing, "__module__", "").startswith("sklearn.") else skip or None


def run_notebooks(_app: Any, page: str, text: list[str]) -> None:
    """Put what the cells of a notebook show below them."""
    if page.startswith("notebooks/") and page != "notebooks/index":
        name = page.removeprefix("notebooks/")
        text[0] = run_notebook.with_outputs(text[0], name, HERE / "notebooks" / "pictures")


@functools.cache
def shared_environment() -> Any:
    """What numpydoc makes its template with; made once, where it would compile the template for each docstring."""
    folder = Path(docscrape_sphinx.__file__).parent / "templates"
    return docscrape_sphinx.SandboxedEnvironment(loader=docscrape_sphinx.FileSystemLoader(folder))


def setup(app: Any) -> None:
    """Write the reference before Sphinx looks for pages."""
    make_reference.write()
    environment = shared_environment()
    docscrape_sphinx.SandboxedEnvironment = lambda **_: environment
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-skip-member", without_guests)
    app.connect("source-read", run_notebooks)
    app.connect("doctree-read", plain_kinds)
