"""Numbers over the store: what was used, how long it took, how often it worked; and how they leave it.

    figures     the numbers of any set of iterations, pure
    summary     iterations chosen, grouped and summed up: the one door for the command line and the screens
    columns     how each figure is called and reads: table, CSV, JSON, report
    plots       series of values to draw, for the screens and the report
    export      the rows of any table of the store, redacted; rows as JSON, NDJSON and CSV
    report      a report as Markdown, and one session: prompts, answers, diffs
    html_report a report as one file of HTML with plots

What is not known is None everywhere, and reads `unknown`. A cost is amp's own figure, or unknown.
"""
