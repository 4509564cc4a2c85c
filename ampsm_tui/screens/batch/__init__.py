"""The screens of one run of a batch: its items, the variants of one prompt side by side, and what is done to runs."""
