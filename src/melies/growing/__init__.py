"""Pictures that grow: cells that look at their neighbours and change, as networks learned or chemistry has it."""
