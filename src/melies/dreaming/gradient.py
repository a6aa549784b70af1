"""How a network's judgement changes with the picture: its gradient, written as a network of its own.

Reverse-mode differentiation of the ONNX graph that comes with the package, without a training library: ONNX Runtime
then computes both at once. It knows the few operations that EfficientNet-Lite is made of.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np

from melies.dreaming.onnx_file import Network, Node
from melies.errors import ModelError
from melies.models import runtime
from melies.models.convert.onnx_graph import ELEMENT_TYPES, Graph

MODEL = "efficientnet-lite0"
MULTIPLE = 32
"""Sides of pictures must be multiples of this: then every halving is of an even number."""
BLOCKS = 16
"""Blocks that the network has; the first see edges, the last parts of things."""


@lru_cache(maxsize=4)
def layer(block: int) -> runtime.Session:
    """Return what is excited in a block, and how to have more of it.

    Mordvintsev, Olah and Tyka, "Inceptionism" (2015).

    Args:
        block: 0…15.

    Returns:
        Input `image`: float32 1×3×H×W, (code value − 127) / 128, sides multiples of 32. Output `score`: half the sum of
        squares of the block's activations, divided by their number; output `gradient`: of that, 1×3×H×W.
    """
    backward = _Backward()
    reached = backward.blocks[block]
    graph = backward.graph
    square = graph.add("Mul", reached, reached)
    score = graph.add("Mul", graph.add("ReduceMean", square, keepdims=0), graph.constant(0.5, "float32"))
    count = graph.add("Cast", graph.add("Size", reached), to=ELEMENT_TYPES["float32"])
    return backward.session(f"layer {block}", score, {reached: graph.add("Div", reached, count)})


@lru_cache(maxsize=1)
def kinds() -> runtime.Session:
    """Return how much a picture looks like some of ImageNet's kinds, and how to make it look more so.

    Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks" (2013).

    Returns:
        As `layer`, with a second input `weights`: float32 1000×1, how much of each kind is wanted. The score is the sum
        of the weighted logits.
    """
    backward = _Backward()
    graph = backward.graph
    weights = graph.input("weights", "float32", [1000, 1])
    score = graph.add("ReduceSum", graph.add("MatMul", backward.logits, weights), keepdims=0)
    return backward.session("kinds", score, {backward.logits: graph.add("Transpose", weights, perm=[1, 0])})


class _Backward:
    """The network once more, and the way back through it."""

    def __init__(self) -> None:
        network = Network((files("melies.models") / "data" / f"{MODEL}.onnx").read_bytes())
        self.graph = Graph()
        self.blocks: list[str] = []
        self.logits = ""
        self._image = self.graph.input("image", "float32", [1, 3, "height", "width"])
        self._values = {name: value.astype(np.float32) for name, value in network.constants.items()}
        self._names = {"image": self._image}
        self._done: list[tuple[Node, list[str], str]] = []
        clipped = {node.inputs[0] for node in network.nodes if node.op == "Clip"}
        for node in network.nodes:
            self._repeat(node, clipped)
        if len(self.blocks) != BLOCKS or not self.logits:
            raise ModelError(f"{MODEL} is not the network that is expected.")

    def session(self, name: str, score: str, seeds: dict[str, str]) -> runtime.Session:
        """Return the session that gives the score and its gradient; seeds are its gradients by activations."""
        wanted = dict(seeds)
        for node, inputs, output in reversed(self._done):
            if output in wanted:
                for source, gradient in self._back(node, inputs, output, wanted.pop(output)):
                    known = wanted.get(source)
                    wanted[source] = self.graph.add("Add", known, gradient) if known else gradient
        self.graph.output("score", score, "float32", [])
        self.graph.output("gradient", wanted[self._image], "float32", [1, 3, "height", "width"])
        return runtime.written(f"the gradient of {name}", self.graph.to_bytes())

    def _repeat(self, node: Node, clipped: set[str]) -> None:
        """Add a node of the network; widened constants are constants."""
        if node.op == "Cast" and node.inputs[0] in self._values:
            self._values[node.outputs[0]] = self._values[node.inputs[0]]
            return
        if node.op == "Identity":
            return
        if node.op == "Softmax":
            self.logits = self._names[node.inputs[0]]
            return
        inputs = [self._name(name) for name in node.inputs]
        if node.op == "Conv":
            node = node._replace(attributes={**node.attributes, "pads": _pads(node)})
            del node.attributes["auto_pad"]
        made = self.graph.add(node.op, *inputs, **node.attributes)
        self._names[node.outputs[0]] = made
        self._done.append((node, inputs, made))
        if node.op == "Conv" and node.outputs[0] not in clipped:
            self.blocks.append(made)
        elif node.op == "Add" and node.inputs[1] not in self._values:
            self.blocks[-1] = made

    def _name(self, name: str) -> str:
        if name not in self._names:
            self._names[name] = self.graph.constant(self._values[name])
        return self._names[name]

    def _back(self, node: Node, inputs: list[str], output: str, gradient: str) -> list[tuple[str, str]]:
        """Return the gradients of a node's inputs, given that of its output."""
        graph = self.graph
        match node.op:
            case "Conv":
                return [(inputs[0], self._convolution(node, gradient))]
            case "Clip":
                low, high = (graph.constant(float(self._values[name]), "float32") for name in node.inputs[1:])
                inside = graph.add("And", graph.add("Greater", output, low), graph.add("Less", output, high))
                return [(inputs[0], graph.add("Where", inside, gradient, graph.constant(0, "float32")))]
            case "Add":
                return [(name, gradient) for name, given in zip(inputs, node.inputs, strict=True) if self._made(given)]
            case "MatMul":
                weights = self._values[node.inputs[1]]
                return [(inputs[0], graph.add("MatMul", gradient, graph.constant(weights.T)))]
            case "ReduceMean":
                shape = graph.add("Shape", inputs[0])
                sides = graph.add("Slice", shape, graph.constant([2], "int64"), graph.constant([4], "int64"))
                area = graph.add("Cast", graph.add("ReduceProd", sides, keepdims=0), to=ELEMENT_TYPES["float32"])
                spread = graph.add("Unsqueeze", graph.add("Div", gradient, area), graph.constant([2, 3], "int64"))
                return [(inputs[0], graph.add("Expand", spread, shape))]
        raise ModelError(f"{MODEL} holds the operation {node.op}, whose gradient is not known.")

    def _made(self, name: str) -> bool:
        return name not in self._values

    def _convolution(self, node: Node, gradient: str) -> str:
        """The way back through a convolution; without a stride it is a convolution with the kernel turned round."""
        kernel, group = self._values[node.inputs[1]], int(node.attributes.get("group", 1))
        stride, side, pads = node.attributes["strides"][0], kernel.shape[2], _pads(node)
        if stride > 1:
            back = self.graph.constant(kernel)
            return self.graph.add("ConvTranspose", gradient, back, strides=[stride] * 2, pads=pads, group=group)
        turned = kernel[:, :, ::-1, ::-1]
        turned = turned if group > 1 else turned.swapaxes(0, 1)
        pads = [side - 1 - pad for pad in pads]
        return self.graph.add("Conv", gradient, self.graph.constant(turned), pads=pads, group=group)


def _pads(node: Node) -> list[int]:
    """What TensorFlow's rule comes to where every side is a multiple of the stride."""
    side, stride = node.attributes["kernel_shape"][0], node.attributes["strides"][0]
    before = (side - stride) // 2
    return [before] * 2 + [side - stride - before] * 2
