"""A diff on the screen: its rows and layout, navigation and search, and the widgets that show them."""
