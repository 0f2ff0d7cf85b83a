"""Who may what: roles and purposes as data, a visitor, and the areas one may see.

::

    role       permissions of each role and purpose: roles.toml
    visitor    who asks, what for, and what is permitted
    area       which rows of a table lie in an area
"""

from riskwarn.access.area import in_area
from riskwarn.access.role import Purpose, Role, Roles, roles
from riskwarn.access.visitor import Visitor, at_the_machine, visitor_of

__all__ = ["Purpose", "Role", "Roles", "Visitor", "at_the_machine", "in_area", "roles", "visitor_of"]
