"""The templates of all HTML pages; text cannot become markup, and control characters are visible."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnistcli.render.view import printable


def make_environment() -> Environment:
    """Return the Jinja environment: text is escaped, and its control characters are shown."""
    return Environment(
        loader=PackageLoader("mnistcli.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
