"""Networks in PyTorch, for training only: what runs is ONNX. Importing a module of this package needs PyTorch."""
