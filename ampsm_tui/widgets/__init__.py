"""One file a widget. A widget keeps no copy of the truth: it is given it, and posts what happened."""
