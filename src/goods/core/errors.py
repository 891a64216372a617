"""The one error a user is meant to see: scripts turn it into one line on stderr and exit code 2."""

from __future__ import annotations


class GoodsError(Exception):
    """Bad input; the message names the file, the column or row, and the mend."""
