"""Rows carried out into files: asked for, queued in Redis, written by a process of their own, kept for a while.

`catalog` says which datasets there are; `orders` what a request comes to; `statements` how it is asked of ClickHouse.
`writing` is the process that makes a file: it takes raw blocks (`frames`) and writes them (`writers`,
`sheets`). `plain` is a workbook in which text stays text.
`worker` is the actor that takes exports from the queue, each for an `attempt`; `cleaner` the one that removes what has
expired. `files` is where files are kept: in a `directory`, or as `objects`; `desk` what the API asks of all this.
`workbook` is the metrics of a range as one file, made while the caller waits.
"""
