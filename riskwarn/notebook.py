"""What notebooks show: tables and texts with every mark of HTML made harmless, whatever names a city or a model bears."""

import html

import pandas as pd


def text_html(text: str) -> str:
    """A text as it stands, in the letters of a typewriter.

    Parameters
    ----------
    text
        Any.

    Returns
    -------
    html
        One element.

    Examples
    --------
    >>> text_html("a < b")
    '<pre>a &lt; b</pre>'
    """
    return f"<pre>{html.escape(text)}</pre>"


def escaped(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts, names of rows and names of columns hold no HTML, so that cells of markup may be set among them.

    Parameters
    ----------
    frame
        Any.

    Returns
    -------
    frame
        The numbers as they are.

    Examples
    --------
    >>> escaped(pd.DataFrame({"<b>": ["<i>"]}, index=["&"])).to_dict()
    {'&lt;b&gt;': {'&amp;': '&lt;i&gt;'}}
    """

    def harmless(value: object) -> object:
        return html.escape(value) if isinstance(value, str) else value

    return frame.map(harmless).rename(index=harmless, columns=harmless)
