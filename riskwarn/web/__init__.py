"""The pages and the API: what a store has published, to whom it may be shown, and without any outside host.

::

    server ─ serving (names, proxies) ─ recorder (audit) ─ body (bounds, JSON) ─ policy ← doorman (who asks) signing
    words problems → places columns weekly → held nights → rendered forms cursor geojson chart format → schemas books → api views health → app
"""

from riskwarn.extras import guests

with guests():
    from riskwarn.web.app import create_app

__all__ = ["create_app"]
