"""One file a screen, or a folder with the parts that it owns. Screens import widgets and ask, never the app."""
