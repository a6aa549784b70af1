"""What can go wrong, said in one sentence with what to do next."""


class MeliesError(Exception):
    """A failure a user can read: what happened, where, and what to do next.

    Args:
        message: One sentence that names the thing and what is wrong with it.
        hint: What to do next; empty when the message already says it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        # What points at a place in the line above stands alone.
        between = "\n" if self.message.endswith("^") else " "
        return f"{self.message}{between}{self.hint}".strip()

    def __reduce__(self) -> tuple[type["MeliesError"], tuple[str, str]]:
        return type(self), (self.message, self.hint)


class UseError(MeliesError):
    """The request itself cannot be carried out: a wrong file, option, value or name."""

    exit_code = 2


class MediaError(MeliesError):
    """Reading or writing a media file failed while work was under way."""


class ModelError(MeliesError):
    """A model could not be found, fetched, verified or run."""
