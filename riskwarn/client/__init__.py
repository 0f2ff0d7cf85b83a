"""A client of the API: :class:`Client` waits for each answer, :class:`AsyncClient` does not. Tables come as frames.

Needs httpx: ``pip install 'riskwarn[client]'``. Who is told by webhook proves what comes with :func:`verify_webhook`, which needs nothing.
"""

from riskwarn.client.calls import Taken
from riskwarn.client.clients import AsyncClient, Client
from riskwarn.signed import verify_webhook

__all__ = ["AsyncClient", "Client", "Taken", "verify_webhook"]
