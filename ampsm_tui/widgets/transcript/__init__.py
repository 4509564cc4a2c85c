"""What amp said in one iteration, as blocks: read from its stream, laid out, painted, followed and searched."""
