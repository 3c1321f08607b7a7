"""Errors over HTTP: one sentence as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error response that says in one sentence what is wrong."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return web.Response(
        status=status, text=json.dumps(body), content_type="application/problem+json", headers=dict(headers or {})
    )
