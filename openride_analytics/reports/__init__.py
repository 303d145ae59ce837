"""Scheduled reports: what is due, made once, and mailed to each of its recipients.

runner      the actor that finds what is due
work        one run of it
desk        what the API asks
edition     what one run of a schedule covers, and what comes of it
render      makes the latter of the former; the page to read first of what is mailed
view, words, templates/   what the bodies say, in which words, as HTML and as text
drawing, chart            what is drawn, and the drawing of it
attachment  the file
delivery    mails it: a message and a connection for each recipient
message, session          the message, and the conversation with a mail server
links       signed links in mails
thread      where all of it is computed
"""
