"""Who may what: roles and purposes as data, accounts, sessions and tokens, a visitor, and the areas one may see.

::

    role       permissions of each role and purpose: roles.toml
    visitor    who asks, what for, and what is permitted
    area       which rows of a table lie in an area
    small      counts of one to four, hidden so that none can be subtracted
    password   argon2id, and what is refused as a password
    lockout    tries in vain
    accounts   who can sign in, in the database of the ledger
    session    of a page, in a cookie
    token      of a program
    signon     single sign-on as the store declares it
    issuer     who vouches there: found, asked, and its tokens verified
    journal    the audit log
"""

from riskwarn.extras import guests

with guests():
    from riskwarn.access.accounts import Account, Accounts
    from riskwarn.access.area import in_area
    from riskwarn.access.issuer import Issuer
    from riskwarn.access.journal import Journal
    from riskwarn.access.role import Purpose, Role, Roles, roles
    from riskwarn.access.session import begin_session, csrf_of, end_session, visitor_of_session
    from riskwarn.access.signon import SignOn, read_sign_on
    from riskwarn.access.small import is_small, roll_up
    from riskwarn.access.token import Token, listed_tokens, make_token, revoke_token, visitor_of_token
    from riskwarn.access.visitor import Visitor, at_the_machine, visitor_of

__all__ = [
    "Account",
    "Accounts",
    "Issuer",
    "Journal",
    "Purpose",
    "Role",
    "Roles",
    "SignOn",
    "Token",
    "Visitor",
    "at_the_machine",
    "begin_session",
    "csrf_of",
    "end_session",
    "in_area",
    "is_small",
    "listed_tokens",
    "make_token",
    "read_sign_on",
    "revoke_token",
    "roles",
    "roll_up",
    "visitor_of",
    "visitor_of_session",
    "visitor_of_token",
]
