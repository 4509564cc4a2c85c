"""The screens' end of the diff process: starting it, asking it, and the reviews that arrive from it."""
