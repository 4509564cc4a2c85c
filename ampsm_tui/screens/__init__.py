"""One file a screen. Screens import widgets and ask, never the app."""
