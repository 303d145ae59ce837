"""Scheduled reports: what is due, made once, and mailed to each of its recipients.

`edition` is what one run of a schedule covers and what comes of it; `render` makes the latter of the former; `delivery`
mails it. `runner` is the actor that finds what is due, `work` one run of it; `desk` is what the API asks.
"""
