"""The workbook of metrics: what an executive keeps of a period.

    book      one public function: asks, then builds; the page to read first
    answers   the six areas' answers over the period and the one before, from `stats`
    figures   the headline figures: which, of what kind, what is better, what each means
    highlights   the few of them that everybody should see
    series    the areas over time, and their breakdowns, as tables
    lists     drivers and routes, as tables
    tables    what a table is, and how it gets onto a sheet
    charts    native charts over tables that are on a sheet
    summary, area, about   the sheets
    page      what all sheets have in common; `styles`, `values` likewise for cells

No text ever becomes a formula or a link: it is written by `write_string` only, into a `plain` workbook.
"""

from openride_analytics.exports.workbook.book import MEDIA_TYPE, file_name, metrics_workbook

__all__ = ["MEDIA_TYPE", "file_name", "metrics_workbook"]
