"""The exception hierarchy: every failure that a user can cause, with its exit status.

Each of these errors holds one complete line (what is wrong, where, what was expected, what to do),
which `cli` prints without a traceback. Any other exception that escapes is a bug of this program
and keeps its traceback.
"""


class VanillaGanError(Exception):
    """A failure that the user can fix; `str(error)` is the whole line to show.

    Attributes:
      exit_status: what the process exits with; 1 unless a subclass says otherwise.
    """

    exit_status = 1


class UsageError(VanillaGanError):
    """The command line asks for something impossible: a flag, a value, or a combination of them."""

    exit_status = 2


class DataError(VanillaGanError):
    """A data file is missing, damaged, or not what its name says."""


class DownloadError(DataError):
    """No mirror delivered a data file that passes its checksum."""


class DeviceError(VanillaGanError):
    """TensorFlow does not see the device that was asked for, or it cannot do what was asked."""


class WeightsError(VanillaGanError):
    """A file of weights does not fit the variables of the graph."""


class OutputError(VanillaGanError):
    """A result could not be written."""


class CheckpointError(VanillaGanError):
    """A checkpoint is damaged, or does not belong to what it should continue."""


class RunConflictError(UsageError):
    """The results folder holds a run with other settings, or one that is still training."""


class DamagedRunError(RunConflictError):
    """A file of a run is damaged or missing, which is not the fault of the command line.

    It is a `RunConflictError`, so that code written before this class existed still catches it.
    """

    exit_status = 1


class PluginError(VanillaGanError):
    """A plug-in fails, or one that a run needs is missing, changed, or not trusted."""


class UnownedVariableError(VanillaGanError, ValueError):
    """A trainable variable of a system belongs to no solver, or to two."""


class DisagreementError(VanillaGanError):
    """A run, or this installation, does not agree with what it was compared with."""


class NotJudgedError(VanillaGanError):
    """It cannot be decided whether a run agrees with what it was compared with."""

    exit_status = 3


class DivergedError(VanillaGanError):
    """A loss, a sample or a weight is NaN or infinite.

    Attributes:
      iteration: where it was found.
    """

    def __init__(self, iteration: int, message: str) -> None:
        """Makes the error for `iteration`; `message` is the whole line."""
        super().__init__(message)
        self.iteration = iteration

    def __reduce__(self) -> tuple[type, tuple[int, str]]:
        # The default loses an argument: unpickling fails, and a process pool waits for ever.
        return type(self), (self.iteration, str(self))


class FailedRunsError(VanillaGanError):
    """Some runs of a sweep failed; the others went on."""


class SickRunError(VanillaGanError):
    """The run was stopped because it has a disease named by `stop_on`; its state is saved."""


class LostPeerError(VanillaGanError):
    """Another task of the cluster does not answer; the exit status lets schedulers restart all."""

    exit_status = 138


class StoppedBySignal(VanillaGanError):
    """A signal asked the run to stop, and its state is saved.

    Attributes:
      signal_number: the number of the signal.
      exit_status: 128 + its number, as shells report it: 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, signal_number: int, message: str) -> None:
        """Makes the error for a signal; `message` is the whole line."""
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_status = 128 + signal_number

    def __reduce__(self) -> tuple[type, tuple[int, str]]:
        return type(self), (self.signal_number, str(self))  # see DivergedError
