"""A stage: a camera goes through effects to a window, a virtual camera, a file or a browser, and all can be turned."""
