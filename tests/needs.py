"""Marks of tests that need packages which are not always there; they come with `melies[train]`."""

from importlib.util import find_spec

import pytest

MISSING = [title for name, title in (("torch", "PyTorch"), ("onnx", "onnx")) if find_spec(name) is None]
WHY = f"not installed: {', '.join(MISSING)} (pip install 'melies[train]')"

needs_torch = pytest.mark.skipif("PyTorch" in MISSING, reason=WHY)
"""For networks in PyTorch."""
needs_training = pytest.mark.skipif(bool(MISSING), reason=WHY)
"""For whatever trains, or writes what it has trained."""
