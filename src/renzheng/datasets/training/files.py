"""Training sets of picture files: a folder of people, or a table."""

from __future__ import annotations

from pathlib import Path

from renzheng.datasets import people, table
from renzheng.datasets.training.source import Named
from renzheng.datasets.types import People
from renzheng.errors import UnreadableImage


class Files(Named):
    """Picture files of people.

    Parameters
    ----------
    found
        The people, as the readers of protocols return them.

    Attributes
    ----------
    paths
        The path of each picture.
    """

    def __init__(self, found: People):
        super().__init__(
            found.name,
            [picture.name for picture in found.pictures],
            [found.names[who] for who in found.person],
        )
        self.paths = tuple(Path(str(picture.source)) for picture in found.pictures)
        self.problems = tuple(map(str, found.problems))

    @classmethod
    def of_folder(cls, folder: Path) -> Files:
        """Read ``WHO/PICTURE`` below a folder.

        Raises
        ------
        InvalidInput
            If the folder shows fewer than two people.
        """
        return cls(people.read(folder))

    @classmethod
    def of_table(cls, path: Path, root: Path | None = None) -> Files:
        """Read a CSV table with the columns ``picture`` and ``person``.

        Raises
        ------
        InvalidInput
            If the table cannot be used.
        """
        return cls(table.read_people(path, root))

    def content(self, index: int) -> bytes:
        """Return a picture, encoded.

        Raises
        ------
        UnreadableImage
            If the file is gone or may not be read.
        """
        path = self.paths[index]
        try:
            return path.read_bytes()
        except OSError as error:
            raise UnreadableImage(
                f"the file cannot be read: {error.strerror}", source=str(path)
            ) from error
