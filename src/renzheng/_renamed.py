"""Old names of modules, classes and attributes, kept for one release with a warning.

Version 0.3 removes them all.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # importlib.abc takes a millisecond of every start

# Old to new names under ``renzheng``, for the names in the documentation and messages of 0.1.
MODULES = {
    "batch": "apps.batch",
    "channels": "datasets.degradations",
    "demo": "datasets.demo",
    "duplicates": "images.duplicates",
    "liveness": "faces.liveness",
    "networks": "models.graph",
    "packs": "models.packs",
    "performance": "evaluation.speed",
    "performance.counting": "evaluation.speed.arithmetic",
    "pictures": "images.similarity",
    "quality": "faces.quality",
    "same_picture": "verification.same_photo",
    "service": "apps.service",
    "specimens": "datasets.specimens",
}

CLASSES = {
    "Candidate": "FaceCandidate",
    "Effect": "Severity",
    "Extract": "FaceTemplate",
    "Part": "FaceKind",
    "Preparation": "Rectification",
    "SamePicture": "SamePhoto",
    "Verdict": "Outcome",
}

_IMPORT = "<frozen importlib"
_PASSED_OVER = (_IMPORT, __file__, __file__.replace("_renamed", "__init__"))


def warn(old: str, new: str) -> None:
    """Warn of an old name, at the line of the caller that uses it."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PASSED_OVER):
        frame = frame.f_back
        if not frame.f_code.co_filename.startswith(_IMPORT):  # warnings does not count these
            level += 1
    warnings.warn(
        f"{old} is now {new}; renzheng 0.3 removes the old name",
        DeprecationWarning,
        stacklevel=level,
    )


def old_names(module: str, renamed: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a module, which gives what it holds under old names too.

    Parameters
    ----------
    module
        The module's own name.
    renamed
        New names by the old ones.
    """

    def find(name: str) -> Any:
        if name not in renamed:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn(f"{module}.{name}", f"{module}.{renamed[name]}")
        return getattr(sys.modules[module], renamed[name])

    return find


class RenamedAttribute:
    """The old name of an attribute.

    Parameters
    ----------
    new
        The attribute's present name.
    """

    def __init__(self, new: str):
        self.new = new
        self.old = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.old = name

    def __get__(self, instance: Any, owner: type) -> Any:
        warn(f"{owner.__name__}.{self.old}", f"{owner.__name__}.{self.new}")
        return getattr(owner if instance is None else instance, self.new)


class _OldModules(Loader):
    """Imports a module by its old name: the new module itself, so that classes stay the same."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        old = fullname.removeprefix("renzheng.")
        if old == fullname or old.partition(".")[0] not in MODULES:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        name = spec.name.removeprefix("renzheng.")
        old, _, rest = name.partition(".")
        path = MODULES.get(name) or ".".join((MODULES[old], *filter(None, [rest])))
        new = f"renzheng.{path}"
        warn(spec.name, new)
        module = import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own specification, which the import system has replaced."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Let the import system find modules by their old names; a second call does nothing."""
    if not any(isinstance(each, _OldModules) for each in sys.meta_path):
        # First, or the parts of a renamed package would be loaded again under their old names.
        sys.meta_path.insert(0, _OldModules())
