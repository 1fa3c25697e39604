"""The errors a user can cause. Each message is one sentence: what was expected, what came, where, what to do."""


class ReconodeError(Exception):
    """Base of every error that this library raises on purpose; the command line prints it without a traceback."""


class DataError(ReconodeError, ValueError):
    """A file or an array that is not what it should be (shape, dtype, missing key, NaN, damage on disk)."""


class OutputError(ReconodeError, OSError):
    """A result that could not be written (no permission, no space, not a folder)."""


class UsageError(ReconodeError, ValueError):
    """An argument that cannot work (an acceleration that leaves no lines, an unknown model name)."""


class MissingExtraError(ReconodeError, ImportError):
    """An optional package that a function needs is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {package}, which is not installed: pip install "reconode[{extra}]"')
