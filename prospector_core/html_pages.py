"""The one place where HTML is written.

Templates of a package's folder ``templates``, in which every value is text.
"""

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

__all__ = ["write_html"]


@cache
def _environment(package: str) -> Environment:
    # templates of the core are there for all: its head has the policy under which a file of ours is opened
    loaders = [PackageLoader(name) for name in dict.fromkeys((package, "prospector_core"))]
    return Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_html(package: str, file: str, /, **values: object) -> Markup:
    """A template with its values as HTML.

    Parameters
    ----------
    package : str
        Whose folder ``templates`` it is in, such as "viewers".
    file : str
        Its name.
    **values : object
        What it shows; a text is shown as it stands, whatever it holds. What this function returned may stand
        in another template.
    """
    return Markup(_environment(package).get_template(file).render(**values))
