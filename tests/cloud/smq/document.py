"""Reading and writing SMQ's XML (namespace ``http://mns.aliyuncs.com/doc/v1/``).

The namespace is required: "requests that omit it or use a wrong one return an error"
(https://www.alibabacloud.com/help/fr/mns/developer-reference/message-management-publishmessage).
One sample page prints it without the last slash; that form is refused here (assumed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tests.cloud.smq.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

NAMESPACE = "http://mns.aliyuncs.com/doc/v1/"

# A child is (name, value): text, a number or boolean written as the vendor does, or an iterable of children.
Child = tuple[str, Any]


def compose(root: str, children: Iterable[Child], *, declaration: bool = True) -> str:
    """Return a document in SMQ's namespace."""
    head = '<?xml version="1.0" encoding="utf-8"?>\n' if declaration else ""
    return f'{head}<{root} xmlns="{NAMESPACE}">{_inner(children)}</{root}>'


def _inner(children: Iterable[Child]) -> str:
    return "".join(f"<{name}>{_value(value)}</{name}>" for name, value in children)


def _value(value: str | bool | int | Iterable[Child]) -> str:
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, (str, int)):
        # A bare CR would be read back as LF, and then MessageBodyMD5 would not fit the text.
        return escape(str(value), {"\r": "&#13;"})
    return _inner(value)


def parse(data: bytes, *roots: str) -> Element:
    """Return the root element of a request body, which must be one of ``roots`` in SMQ's namespace.

    DTDs and entities are never read. Anything but such a document is 400 ``MalformedXML``.
    """
    try:
        root = fromstring(data, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise refusal("MalformedXML", f"The XML you provided was not well-formed: {error}") from error
    if root.tag not in {f"{{{NAMESPACE}}}{name}" for name in roots}:
        expected = " or ".join(f"<{name}>" for name in roots)
        raise refusal("MalformedXML", f'The root element must be {expected} with xmlns="{NAMESPACE}".')
    return root


def name_of(element: Element) -> str:
    """Return the element's name without namespace; an element outside it is ``MalformedXML``."""
    namespace, _, name = element.tag.rpartition("}")
    if namespace != "{" + NAMESPACE:
        raise refusal("MalformedXML", f'<{element.tag}> is not in xmlns="{NAMESPACE}".')
    return name


def fields(element: Element, known: Iterable[str]) -> dict[str, Element]:
    """Return the children by name; an unknown or repeated one is refused (assumed: strict by default)."""
    allowed, found = set(known), {}
    for child in element:
        name = name_of(child)
        if name not in allowed:
            raise refusal("InvalidArgument", f"<{name}> is not an element of <{name_of(element)}>.")
        if name in found:
            raise refusal("InvalidArgument", f"<{name}> is given twice in <{name_of(element)}>.")
        found[name] = child
    return found


def texts(element: Element, known: Iterable[str]) -> dict[str, str]:
    """Like :func:`fields`, with the text of each child; a child with children of its own is refused."""
    found = fields(element, known)
    for name, child in found.items():
        if len(child):
            raise refusal("InvalidArgument", f"<{name}> takes text, not elements.")
    return {name: child.text or "" for name, child in found.items()}
