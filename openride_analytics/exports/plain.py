"""Workbooks whose texts are what they are.

xlsxwriter keeps a rich string among the others, as XML, and knows it by how it begins and ends: a text that somebody
sent may do so too, and would be written as it is, cells and formulas in it. No rich string is ever written here.
"""

from typing import Any, Final

import xlsxwriter
from xlsxwriter.packager import Packager
from xlsxwriter.sharedstrings import SharedStrings
from xlsxwriter.worksheet import Worksheet

# What somebody sent is a text, whatever it looks like: a formula or a link in it would be carried out.
AS_TEXT: Final = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class _Sheet(Worksheet):  # type: ignore[misc]  # the library has no types
    def _xml_rich_inline_string(self, string: str, attributes: Any) -> None:
        self._xml_inline_string(string, None, attributes)


class _Strings(SharedStrings):  # type: ignore[misc]  # the library has no types
    def _xml_rich_si_element(self, string: str) -> None:
        self._xml_si_element(string)


class _Package(Packager):  # type: ignore[misc]  # the library has no types
    def _write_shared_strings_file(self) -> None:
        strings = _Strings()
        strings.string_table = self.workbook.str_table
        if strings.string_table.count:
            strings._set_xml_writer(self._filename("xl/sharedStrings.xml"))
            strings._assemble_xml_file()


class Workbook(xlsxwriter.Workbook):  # type: ignore[misc]  # the library has no types
    """As the library's."""

    worksheet_class = _Sheet

    def _get_packager(self) -> Packager:
        return _Package()
