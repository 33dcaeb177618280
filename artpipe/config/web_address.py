"""Addresses of folders on web servers, as params.yaml names them."""

import ipaddress
import re
import socket
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

_WEB_FOLDER = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~%/-]*)?")


def _check_folder(address: str) -> str:
    """Return the address with a slash at its end."""
    if not address:
        return ""
    if not _WEB_FOLDER.fullmatch(address) or not _has_valid_port(address):
        raise ValueError("expected the address of a folder, such as https://example.org/art/")
    return address.rstrip("/") + "/"


def _check_reachable(address: str) -> str:
    """Return an address that does not lead to the reader's own machine."""
    if address and _is_loopback(urlsplit(address).hostname or ""):
        raise ValueError("a page would lead its readers to their own machine; expected an address that they can reach")
    return address


def _has_valid_port(address: str) -> bool:
    try:
        return urlsplit(address).port != 0
    except ValueError:  # above 65535
        return False


def _is_loopback(host: str) -> bool:
    name = host.rstrip(".")
    try:
        address = ipaddress.IPv4Address(socket.inet_aton(name))  # as browsers do, which read 127.1 and 2130706433 too
    except OSError:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


WebFolder = Annotated[str, AfterValidator(_check_folder)]
ReachableWebFolder = Annotated[WebFolder, AfterValidator(_check_reachable)]
