"""The pages and the API: what a store has published, read-only, on one machine and without any outside host.

::

    words problems → weekly nights → geojson chart format → schemas api questions · views → health app
"""

from riskwarn.web.app import create_app

__all__ = ["create_app"]
