"""The main job, from a study to its report: pipeline.py reads top to bottom.

`harness.run` is also a function of the public interface, and importing this package puts the package in its place. So the
package can be called: both are `harness.api.actions.run`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # Any: as `harness.api.actions.run`
        return import_module("harness.api.actions").run(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
