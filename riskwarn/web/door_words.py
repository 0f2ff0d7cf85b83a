"""What is said at the door: signing in and out, what is stopped or forbidden, and the audit log."""

from riskwarn.language import Phrase, phrase

DOOR: dict[str, Phrase] = {
    "audit": phrase("Audit log"),
    "audit_more": phrase(
        "The newest lines. An account stands as a digest; riskwarn audit-log verify proves that no line was changed."
    ),
    "audit_at": phrase("Time (UTC)"),
    "audit_role": phrase("Role, area, way"),
    "audit_asked": phrase("Asked for"),
    "audit_answer": phrase("Answer"),
    "sign_in": phrase("Sign in"),
    "sign_out": phrase("Sign out"),
    "account": phrase("Account"),
    "password": phrase("Password"),
    "wrong_password": phrase("The name or the password is wrong, or the account is closed."),
    "locked": phrase("Too many tries. Wait {seconds} seconds, or ask who keeps the accounts."),
    "stopped": phrase("The {who} stopped publishing and showing scores at {at}: {why}."),
    "stopped_unread": phrase(
        "Scores are not shown: the log of stops or of approvals is damaged, and its last line cannot be read."
    ),
    "lapsed": phrase("Publishing and showing scores was approved until {day}. It goes on when it is approved again."),
    "ends_soon": phrase(
        "Publishing and showing scores is approved until {day}; after that it stops unless it is approved again."
    ),
    "stopped_title": phrase("Scores are stopped"),
    "stopped_more": phrase(
        "Neither list nor scores are shown until it is released. Work that was begun goes on; feeds, model and plan can be read."
    ),
    "sign_in_sso": phrase("Sign in with the city's single sign-on"),
    "or_local": phrase("Or with a local account:"),
    "sso_down": phrase("The single sign-on does not answer. Try again in a minute, or use a local account."),
    "sso_refused": phrase(
        "The single sign-on did not let you in: it was broken off, took more than ten minutes, or its answer was not valid. Begin again."
    ),
    "sso_no_access": phrase(
        "The single sign-on knows you, but none of your groups has access here, or your account here is closed. Ask who keeps the accounts."
    ),
    "signed_in": phrase("Signed in"),
    "go_on": phrase("Go on"),
    "signed_out": phrase("You are signed out here."),
    "sign_out_sso": phrase("Sign out of the single sign-on too"),
    "not_signed_in": phrase("Nobody is signed in"),
    "not_signed_in_more": phrase(
        "There is no account yet: it is made at the command line of the server, by riskwarn user add."
    ),
    "forbidden": phrase("Your account may not see or do this"),
    "forbidden_more": phrase("Ask who keeps the accounts, or load the page anew if it stood open for long."),
}
