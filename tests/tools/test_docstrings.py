"""The three styles of docstring, and their edges."""

import pytest

from weft.tools.docstrings import parse

GOOGLE = """Book a hotel.

    Waits for the hotel's answer.

    Args:
        hotel (str): Its name,
            as on the map.
        nights: How many: at least 1.
        *extras: Whatever.

    Returns:
        The booking's number.

    Raises:
        ValueError: no room.

    Example:
        book("Ritz", 2)
    """

NUMPY = """
    Book a hotel.

    Waits for the hotel's answer.

    Parameters
    ----------
    hotel : str
        Its name,
        as on the map.
    nights, extras : int, optional
        How many: at least 1.

    Returns
    -------
    The booking's number.

    Notes
    -----
    None of this.
    """

SPHINX = """Book a hotel.

    Waits for the hotel's answer.

    :param str hotel: Its name,
        as on the map.
    :param nights: How many: at least 1.
    :type nights: int
    :raises ValueError: no room
    :returns: The booking's number.
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_the_same_in_three_styles(text: str) -> None:
    doc = parse(text)
    assert doc.description == "Book a hotel.\n\nWaits for the hotel's answer.\n\nReturns: The booking's number."
    assert doc.parameters["hotel"] == "Its name, as on the map."
    assert doc.parameters["nights"] == "How many: at least 1."


@pytest.mark.parametrize(
    ("text", "description", "parameters"),
    [
        (None, "", {}),
        ("", "", {}),
        ("One line.", "One line.", {}),
        ("Args:\n    a: first", "", {"a": "first"}),
        ("Say it: now.\n\nNote this: it is no section.", "Say it: now.\n\nNote this: it is no section.", {}),
        ("Do.\n\nArgs:\n    a:\n        on the next line", "Do.", {"a": "on the next line"}),
        ("Do.\n\nYields:\n    numbers", "Do.\n\nYields: numbers", {}),
        ("Do.\n\n:param a: first", "Do.", {"a": "first"}),
        (":returns: all", "Returns: all", {}),
    ],
)
def test_edges(text: str | None, description: str, parameters: dict[str, str]) -> None:
    doc = parse(text)
    assert (doc.description, doc.parameters) == (description, parameters)
