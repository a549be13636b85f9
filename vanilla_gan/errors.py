"""The exception tree: every failure that a user can cause, with the exit status it ends in.

An error of this tree carries one complete line (what is wrong, where, what was expected, what to
do), which `cli` prints without a traceback. Anything else that escapes is a bug of this program
and keeps its traceback.
"""


class VanillaGanError(Exception):
    """A failure that its user can mend; `str(error)` is the whole line to show.

    Attributes:
      exit_status: what the process exits with; 1 unless a subclass says otherwise.
    """

    exit_status = 1


class UsageError(VanillaGanError):
    """The command line asks for something that cannot be: a flag, a value, a combination."""

    exit_status = 2


class DataError(VanillaGanError):
    """A data file is missing, damaged, or not what its name says."""


class DownloadError(DataError):
    """No mirror delivered a data file that passes its checksum."""


class DeviceError(VanillaGanError):
    """The device that was asked for is not one that TensorFlow sees."""


class WeightsError(VanillaGanError):
    """A file of weights does not fit the variables of the graph."""


class OutputError(VanillaGanError):
    """A result could not be written."""


class CheckpointError(VanillaGanError):
    """A checkpoint is damaged, or does not belong to what it should continue."""


class RunConflictError(UsageError):
    """The folder of results holds a run with other settings, or one that is still going on."""


class DamagedRunError(RunConflictError):
    """A file of a run is damaged or missing: not the fault of the command line.

    It is one of the conflicts for those who catch these, as it was before it had a name.
    """

    exit_status = 1


class PluginError(VanillaGanError):
    """A plug-in fails; or the one that a run needs is missing, changed, or not trusted."""


class UnownedVariableError(VanillaGanError, ValueError):
    """A trainable variable of a system belongs to no solver, or to two."""


class DisagreementError(VanillaGanError):
    """A run does not agree with what was published."""


class NotJudgedError(VanillaGanError):
    """Whether a run agrees with what was published cannot be said."""

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
        # By default one of the arguments would be lost, and a pool of processes wait for ever.
        return type(self), (self.iteration, str(self))


class FailedRunsError(VanillaGanError):
    """Some runs of a sweep failed; the others went on."""


class SickRunError(VanillaGanError):
    """The run has a disease that it was to be stopped on, and has saved its state."""


class LostPeerError(VanillaGanError):
    """Another task of the cluster does not answer; schedulers start all of them again."""

    exit_status = 138


class StoppedBySignal(VanillaGanError):
    """The run was asked to stop by a signal and has saved its state.

    Attributes:
      signal_number: which one.
      exit_status: 128 + its number, as shells report it: 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, signal_number: int, message: str) -> None:
        """Makes the error for a signal; `message` is the whole line."""
        super().__init__(message)
        self.signal_number = signal_number
        self.exit_status = 128 + signal_number

    def __reduce__(self) -> tuple[type, tuple[int, str]]:
        return type(self), (self.signal_number, str(self))  # as above
