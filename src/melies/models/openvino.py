"""Running ONNX files with OpenVINO, which is optional and faster on many processors."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melies.errors import ModelError
from melies.models.runtime import Options, Session, Tensor


@cache
def _core() -> Any:
    # openvino reports every import to its makers unless this package is missing, and then does without.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core()


class OpenVino(Session):
    """A network on the processor.

    Args:
        name: The registry row, or the user's file.
        options: How many threads.
        path: The ONNX file.
        bfloat16: Compute in 16 bits where the processor can, at half the time; about 0.2 per cent of white off.
    """

    def __init__(self, name: str, options: Options, path: Path, bfloat16: bool) -> None:
        super().__init__(name, None, options)
        core = _core()
        narrow = bfloat16 and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        settings = {
            "INFERENCE_NUM_THREADS": options.width,
            "INFERENCE_PRECISION_HINT": "bf16" if narrow else "f32",
            # Several sessions would be pinned to the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        try:
            network = core.read_model(str(path))
            self._network = core.compile_model(network, "CPU", settings)
        except RuntimeError as error:
            raise ModelError(f"OpenVINO cannot run {path}: {str(error).splitlines()[-1]}") from None
        # Once compiled, a port also has the names of what was joined into it.
        self.inputs = {port.any_name: _tensor(port) for port in network.inputs}
        self.outputs = {port.any_name: _tensor(port) for port in network.outputs}
        # A request runs once at a time.
        self._idle = [self._network.create_infer_request()]

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Run once; see `Session.run`."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._network.create_infer_request()
        request.infer(dict(inputs), share_inputs=True)
        names = self.outputs if outputs is None else outputs
        made = {name: request.get_tensor(name).data.copy() for name in names}
        self._idle.append(request)
        return made


def _tensor(port: Any) -> Tensor:
    sizes = (size.get_length() if size.is_static else None for size in port.partial_shape)
    return Tensor(tuple(sizes), np.dtype(port.element_type.to_dtype()))
