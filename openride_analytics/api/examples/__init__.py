"""Answers for the description of the API: instances of what is sent, so that they cannot have another shape."""
