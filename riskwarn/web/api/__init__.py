"""The API under ``/api/v1``, a file a noun. Every answer of a night names its run, model, data cut-off and state; people act through the ledger alone.

::

    shared → items → scores gaps alerts → grids areas maps changes outcomes model plan posted score review admin
"""

from fastapi import APIRouter

from riskwarn.web.api import (
    admin,
    alerts,
    areas,
    changes,
    gaps,
    grids,
    items,
    maps,
    model,
    outcomes,
    plan,
    review,
    score,
    scores,
)

routers: tuple[APIRouter, ...] = tuple(
    noun.router
    for noun in (scores, maps, grids, changes, areas, gaps, alerts, items, outcomes, model, plan, score, review, admin)
)

__all__ = ["routers"]
