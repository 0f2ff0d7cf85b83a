"""The pages and the API: what a store has published, read-only, on one machine and without any outside host.

::

    words problems → nights → weeks geojson chart → answers api · views → app
"""

from riskwarn.web.app import create_app

__all__ = ["create_app"]
