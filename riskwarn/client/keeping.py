"""What who keeps accounts asks besides: accounts, tokens, and whether scores are shown."""

from collections.abc import Sequence

from riskwarn.client import calls
from riskwarn.client.questions import FrameT, MembersT, Questions, TakenT


class KeepersQuestions(Questions[FrameT, MembersT, TakenT]):
    """The questions of a client, with those of ``/admin``. A program has a token for ``administration`` for them, and for nothing else."""

    # -- accounts -----------------------------------------------------------------------------------------------------

    def users(self) -> FrameT:
        """The accounts of one's area, by name.

        Returns
        -------
        users
            A frame with `user_id`, by which an account is asked for, and `version`.
        """
        answer: FrameT = self.ask(calls.rows_at("/admin/users", "users"))
        return answer

    def user(self, user_id: str) -> MembersT:
        """One account.

        Parameters
        ----------
        user_id
            As :meth:`users` has it.

        Returns
        -------
        user
            A dictionary: `name`, `role`, `area`, `disabled`, `version` and so on.
        """
        answer: MembersT = self.ask(calls.found("/admin/users/{}", user_id))
        return answer

    def add_user(self, name: str, *, role: str, area: str = "", with_password: bool = True) -> MembersT:
        """Make an account: a post or a desk, not a person.

        Parameters
        ----------
        name, role
            What it is called, and what it may do.
        area
            Where; one's own by default.
        with_password
            False where only a trusted proxy signs it in.

        Returns
        -------
        made
            A dictionary: `user`, and the `password` that was drawn, shown this once.
        """
        call = calls.posted("/admin/users", name=name, role=role, area=area, with_password=with_password)
        answer: MembersT = self.ask(call)
        return answer

    def change_user(
        self,
        user_id: str,
        *,
        version: int,
        role: str | None = None,
        area: str | None = None,
        disabled: bool | None = None,
    ) -> MembersT:
        """Give an account another role or area, or close or open it; its sessions and tokens end.

        Parameters
        ----------
        user_id
            The account.
        version
            The version that was looked at.
        role, area, disabled
            What it shall have from now on; None leaves it.

        Returns
        -------
        user
            A dictionary: the account as it is now.
        """
        call = calls.changed("/admin/users/{}", user_id, version=version, role=role, area=area, disabled=disabled)
        answer: MembersT = self.ask(call)
        return answer

    def reset_user(self, user_id: str, *, version: int) -> MembersT:
        """Give an account another password; its sessions and tokens end.

        Parameters
        ----------
        user_id, version
            As :meth:`change_user` takes them.

        Returns
        -------
        made
            A dictionary: `user`, and the `password` that was drawn, shown this once.
        """
        answer: MembersT = self.ask(calls.posted("/admin/users/{}/reset", user_id, version=version))
        return answer

    def unlock_user(self, user_id: str) -> MembersT:
        """Forget the tries in vain for an account.

        Parameters
        ----------
        user_id
            The account.

        Returns
        -------
        user
            A dictionary: the account as it is now.
        """
        answer: MembersT = self.ask(calls.posted("/admin/users/{}/unlock", user_id))
        return answer

    # -- tokens -------------------------------------------------------------------------------------------------------

    def tokens(self) -> FrameT:
        """The tokens of accounts of one's area, those that have ended too.

        Returns
        -------
        tokens
            A frame with `token_id` and `state`; a token itself is in none.
        """
        answer: FrameT = self.ask(calls.rows_at("/admin/tokens", "tokens"))
        return answer

    def make_token(
        self, user_id: str, *, purpose: str, scopes: Sequence[str] = (), area: str = "", days: float = 90
    ) -> MembersT:
        """Make a token of an account.

        Parameters
        ----------
        user_id
            The account.
        purpose
            What it is for.
        scopes, area
            What it may do and where, of what its account may; all of it by default.
        days
            How long it holds, up to 366.

        Returns
        -------
        made
            A dictionary: the `token`, shown this once, and `facts` of it.
        """
        asked = {"user_id": user_id, "purpose": purpose, "scopes": list(scopes), "area": area, "days": days}
        answer: MembersT = self.ask(calls.posted("/admin/tokens", **asked))
        return answer

    def end_token(self, token_id: str) -> MembersT:
        """End a token at once; one that has ended stays so.

        Parameters
        ----------
        token_id
            As :meth:`tokens` has it.

        Returns
        -------
        nothing
            An empty dictionary.
        """
        answer: MembersT = self.ask(calls.ended("/admin/tokens/{}", token_id))
        return answer

    # -- the stop -----------------------------------------------------------------------------------------------------

    def stops(self) -> MembersT:
        """Whether publishing and showing scores is stopped, and who stopped and released it before.

        Returns
        -------
        stops
            A dictionary: `stopped`, and the `log`, the newest first.
        """
        answer: MembersT = self.ask(calls.found("/admin/stop"))
        return answer

    def stop_scores(self, why: str, *, stopped: bool = True) -> MembersT:
        """Stop publishing and showing scores, or let it go on.

        Parameters
        ----------
        why
            The reason, without a person in it.
        stopped
            False lets it go on.

        Returns
        -------
        made
            A dictionary: `stopped`, `since`, `by`, `why`.
        """
        answer: MembersT = self.ask(calls.posted("/admin/stop", stopped=stopped, why=why))
        return answer
