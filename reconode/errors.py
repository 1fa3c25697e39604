"""The errors a user can cause. Each message is one sentence: what was expected, what came, where, what to do."""


class ReconodeError(Exception):
    """Base of every error that this library raises on purpose; the command line prints it without a traceback."""


class DataError(ReconodeError, ValueError):
    """A file or an array that is not what it should be (shape, dtype, missing key, NaN, damage on disk)."""


class OutputError(ReconodeError, OSError):
    """A result that could not be written (no permission, no space, not a folder)."""


class UsageError(ReconodeError, ValueError):
    """An argument that cannot work (an acceleration that leaves no lines, an unknown model name)."""


class StoppedError(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, obeyed once what was at work is saved: a KeyboardInterrupt, which no `except Exception` keeps.

    Attributes:
        status: the exit status that shells give it, 128 and the signal's number.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.status = 128 + number


class MissingExtraError(ReconodeError, ImportError):
    """An optional package that a function needs is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f'{purpose} needs {package}, which is not installed: pip install "reconode[{extra}]"')


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on a card or in the machine; PyTorch says the second by a plain RuntimeError.

    So does Python of a thread that it cannot start, and by an ImportError of a library that it cannot load.
    """
    words = ("allocate memory", "bad_alloc", "start new thread", "failed to map segment", "Cannot allocate")
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError | ImportError) and any(word in str(error) for word in words))
    )
