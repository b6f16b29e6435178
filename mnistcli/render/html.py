"""What all HTML pages share: their templates, and text that cannot become markup or steer a reader."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from mnistcli.render.view import printable


def make_environment() -> Environment:
    """Return where the templates are found and filled; text is escaped, and its control characters shown."""
    return Environment(
        loader=PackageLoader("mnistcli.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
