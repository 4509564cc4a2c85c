"""Review: what was viewed, comments and the lines they stand on, and the prompt made of them. No input or output."""
