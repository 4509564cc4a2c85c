"""The front door of ampsm and, from the issue Screens on, its screens."""
