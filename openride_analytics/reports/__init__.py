"""Scheduled reports: what is due, made once, and mailed to each of its recipients.

runner      the actor: finds what is due, and has each run worked on; the page to read first
work        one run, from the claim to its end
account     what it has come to, in words
notices     telling owners of runs that failed or are partial
patience    asking the database again
desk, terms, addresses, answers   what the API asks; what requests come to; what is told of it
signed      what the links in mails lead to
assembly    all of it, put together from what a process has

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
