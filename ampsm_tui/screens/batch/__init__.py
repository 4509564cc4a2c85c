"""The screens of batch runs: all of them, the items of one, the variants of a prompt, and what is done to runs."""
