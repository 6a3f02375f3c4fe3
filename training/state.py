"""The state of a run in one file that every backend of Keras can read: what one began, another may go on with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
import numpy.typing as npt

from edge.errors import ConfigError
from training.output import replacing
from training.run_folder import SETTINGS

Array = npt.NDArray[Any]


def save_state(path: Path, variables: Sequence[keras.Variable], arrays: Sequence[Array]) -> None:
    """Write the values of the variables, and further arrays; a broken run leaves the last whole file behind."""
    values: dict[str, Any] = {
        f"variable{place}": keras.ops.convert_to_numpy(each) for place, each in enumerate(variables)
    }
    values |= {f"array{place}": each for place, each in enumerate(arrays)}
    with replacing(path) as partial:
        np.savez(partial, **values)


def load_state(path: Path, variables: Sequence[keras.Variable]) -> list[Array]:
    """Assign what `save_state` wrote to the variables, and return the further arrays.

    ConfigError if there is no such file, or if it belongs to another network.
    """
    if not path.is_file():
        raise ConfigError(f"{path.parent}: nothing to resume; start without --resume")
    try:
        with path.open("rb") as file, np.load(file) as stored:
            values = [stored[f"variable{place}"] for place in range(sum(n.startswith("variable") for n in stored))]
            arrays = [stored[f"array{place}"] for place in range(len(stored) - len(values))]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); start anew with another --run") from None
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        raise ConfigError(f"{path}: of another network; resume with the settings of {path.parent / SETTINGS}")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return arrays
