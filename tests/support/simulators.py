"""Types of the fixtures with which the simulators' tests call them."""

from collections.abc import Callable
from typing import Any

import httpx

Read = Callable[[str], list[Any]]
"""Reads all pages of a listing, from a URL or path."""

LogIn = Callable[..., httpx.Response]
"""Asks Entra's login endpoint for an access token; the keywords replace fields of the request."""
