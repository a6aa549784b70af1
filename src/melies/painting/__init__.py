"""Layouts and what is painted from them: what `paint` needs at run time, without PyTorch."""
