"""A handler for checkpoints of Orbax that packs them with jans."""

import dataclasses
from typing import Any

import orbax.checkpoint as ocp

from jans.plugins import checkpoints


class PackHandler(ocp.CheckpointHandler):
    """Saves a tree with `jans.plugins.checkpoints`, in a directory that Orbax manages.

    >>> import tempfile, numpy as np
    >>> directory, state = tempfile.mkdtemp() + "/step", {"w": np.arange(3.0)}
    >>> with ocp.Checkpointer(PackHandler()) as checkpointer:
    ...     checkpointer.save(directory, args=PackSave(state))
    ...     checkpointer.restore(directory, args=PackRestore(state))
    {'w': array([0., 1., 2.])}
    """

    def save(self, directory: Any, args: "PackSave") -> None:
        """Writes the tree."""
        checkpoints.save(directory, args.item, args.level)

    def restore(self, directory: Any, args: "PackRestore") -> Any:
        """Reads the tree."""
        return checkpoints.restore(directory, args.like)


@ocp.args.register_with_handler(PackHandler, for_save=True)
@dataclasses.dataclass
class PackSave(ocp.args.CheckpointArgs):
    """What to save.

    Attributes:
        item: the tree.
        level: as for `jans.pack`.
    """

    item: Any
    level: str = "fast"


@ocp.args.register_with_handler(PackHandler, for_restore=True)
@dataclasses.dataclass
class PackRestore(ocp.args.CheckpointArgs):
    """What to restore.

    Attributes:
        like: a tree of the same structure, as for `jans.plugins.checkpoints.restore`.
    """

    like: Any
