"""Review: what a diff is made of, how it is laid out, marked, commented and searched. Pure, no input or output."""
