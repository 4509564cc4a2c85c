"""The terminal's end of the app: what Textual wants to be seen, in the fewest bytes that make it so.

`frame_parser` reads what Textual writes, `picture` holds the cells, `encoder` makes the text that turns one picture
into another, `output` brings it to the terminal, `renderer` puts these together and `terminal_driver` makes a driver
of Textual that uses them. Only the text that Textual hands to `Driver.write` is relied on, nothing of its insides.
`status_records` are what a terminal holds of the program's status (OSC 7501), where it understands that.
"""
