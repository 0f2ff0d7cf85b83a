"""What the pages of administration say."""

from riskwarn.language import Phrase, phrase

ADMIN: dict[str, Phrase] = {
    "admin": phrase("Administration"),
    "admin_nav": phrase("Parts of the administration"),
    "users": phrase("Accounts"),
    "users_more": phrase(
        "An account is a post or a desk, not a person. The number is the one by which ledger and audit log name it. A change ends its sessions and tokens."
    ),
    "of_area": phrase("Area", context="account"),
    "user_number": phrase("Number"),
    "signs_in_by": phrase("Signs in by"),
    "is_open": phrase("open", context="account"),
    "is_closed": phrase("closed", context="account"),
    "is_locked": phrase("locked for {n} seconds"),
    "is_own": phrase("your own"),
    "own_more": phrase("Nobody changes the own account: another administrator does, or the command line."),
    "changed_at": phrase("Changed"),
    "new_user": phrase("New account"),
    "add_user": phrase("Make the account"),
    "name_rule": phrase("2 to 64 small letters, digits, . _ -"),
    "area_rule": phrase("code of an area; * is the whole city"),
    "give_role": phrase("Give it this role and area"),
    "close_user": phrase("Close the account"),
    "open_user": phrase("Open the account"),
    "reset_user": phrase("Give it another password"),
    "unlock_user": phrase("Let it try again"),
    "tokens": phrase("Tokens"),
    "tokens_more": phrase("A token lets a program in. It is shown once, when it is made."),
    "no_tokens": phrase("There is no token."),
    "purpose": phrase("Purpose"),
    "scopes": phrase("Permissions"),
    "expires": phrase("Holds until"),
    "days_long": phrase("Days"),
    "make_token": phrase("Make a token"),
    "revoke_token": phrase("Revoke"),
    "mode": phrase("Mode of the centre"),
    "mode_now": phrase("{mode}, since {at}: {who}, {why}"),
    "mode_never": phrase("{mode}; it was never switched"),
    "mode_log": phrase("Switches, the newest first"),
    "plan_words": phrase("The plan in force"),
    "stop_head": phrase("Stopping the scores"),
    "stop_more": phrase(
        "While it is stopped nothing is published, nobody sees a list or a score, and each page says who stopped it, when and why. Use it where what is shown does harm."
    ),
    "not_stopped": phrase("Scores are published and shown."),
    "approved": phrase("Approved until {day}, by {who}: {why}"),
    "approve_how": phrase("Who keeps the host approves it again, with `riskwarn approve`, when it was looked at."),
    "stop_do": phrase("Stop publishing and showing scores"),
    "stop_release": phrase("Let it go on"),
    "stop_reason": phrase("Reason, which everybody reads; no person in it"),
    "stop_log": phrase("Stops and releases, the newest first"),
    "was_stopped": phrase("stopped", context="scores"),
    "was_released": phrase("released"),
    "to_stop": phrase("Stop or release the scores"),
    "sure_head": phrase("Do this?"),
    "sure_yes": phrase("Yes, do it"),
    "sure_no": phrase("No, go back"),
    "new_password": phrase("Password of {name}"),
    "new_token": phrase("Token of {name}"),
    "shown_once": phrase("It is shown this once and kept nowhere. Write it down or hand it over now."),
    "back_to_admin": phrase("Back to the administration"),
}
"""Phrases by key, as the templates ask for them."""
SIGNS_IN: dict[str, Phrase] = {
    "password": phrase("password"),
    "issuer": phrase("single sign-on"),
    "proxy": phrase("proxy"),
}
"""By what an account signs in."""
SURE: dict[str, Phrase] = {
    "add": phrase(
        "Make the account {name} with the role {role} for {area}. Its password is shown once, on the next page."
    ),
    "change": phrase("Give the account {name} the role {role} for {area}. Its sessions and tokens end."),
    "close": phrase("Close the account {name} ({role}, {area}). Its sessions and tokens end."),
    "open": phrase("Open the account {name} ({role}, {area})."),
    "reset": phrase(
        "Give the account {name} another password. The old one, its sessions and its tokens end; the new one is shown once, on the next page."
    ),
    "unlock": phrase("Let the account {name} try passwords again at once."),
    "token": phrase(
        "Make a token of the account {name} for {purpose}, for {days} days. It is shown once, on the next page."
    ),
    "revoke": phrase("Revoke the token {token}. The program that uses it is refused at once."),
    "stop": phrase("Stop publishing and showing scores for everybody, now. Everybody reads the reason: {why}"),
    "release": phrase("Let publishing and showing scores go on. The reason is kept: {why}"),
}
"""What a step will do, as it is shown before it is taken."""
SAID: dict[str, Phrase] = {
    "done": phrase("Done."),
    "again": phrase("This form was sent already; it is not done twice. What was shown once is not shown again."),
    "conflict": phrase("Not done: somebody has changed it meanwhile. This is how it stands now."),
    "unknown_account": phrase("Not done: there is no such account, token, role or purpose in your area."),
    "bad_parameter": phrase(
        "Not done: something is missing, taken or none; a name has 2 to 64 small letters, digits, . _ -, and neither name nor reason tells a person."
    ),
    "own_account": phrase("Not done: nobody changes the own account."),
    "outside_area": phrase("Not done: the area lies outside your own, or outside that of the account."),
    "last_keeper": phrase(
        "Not done: it is the last open account of the whole city that keeps accounts. Make another first."
    ),
    "closed_account": phrase("Not done: the account is closed."),
    "token_of_itself": phrase("Not done: no token makes another of its own account."),
}
"""What came of a step."""
PURPOSES: dict[str, Phrase] = {
    "handling": phrase("handling", context="purpose"),
    "analysis": phrase("analysis", context="purpose"),
    "display": phrase("display", context="purpose"),
    "operations": phrase("operations", context="purpose"),
    "administration": phrase("administration", context="purpose"),
    "audit": phrase("audit", context="purpose"),
}
"""What a token may be for."""
TOKEN_STATES: dict[str, Phrase] = {
    "holds": phrase("holds", context="token"),
    "expired": phrase("expired", context="token"),
    "revoked": phrase("revoked", context="token"),
}
