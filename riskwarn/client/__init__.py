"""A client of the API: :class:`Client` waits for each answer, :class:`AsyncClient` does not. Tables come as frames.

Needs httpx: ``pip install 'riskwarn[client]'``.
"""

from riskwarn.client.calls import Taken
from riskwarn.client.clients import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "Taken"]
