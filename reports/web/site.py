"""What both local pages share: the guarded application, templates with autoescape on, static files, images, errors."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from harness.core.digests import text_digest
from harness.core.edge.text import count, ending
from harness.core.errors import HarnessError, StoreError
from reports.page import cards
from reports.text.formatting import shortened, title_of
from reports.web.guard import Access, Guard
from reports.web.shelf import ImageUnavailable, Shelf

if TYPE_CHECKING:
    from jinja2 import Environment

_FOREVER = "private, max-age=31536000, immutable"  # the address changes with the content


class Site:
    """One application. `package` holds its own `templates` and `static` beside those that both pages share."""

    def __init__(self, package: str, access: Access, shelf: Shelf, title: str) -> None:
        self.title = title
        self.app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
        self.guarded = Guard(self.app, access)
        self._static = _static_files(package)
        self._templates = _environment(package, tuple((name, text_digest(text)[:12]) for name, text in self._static.items()))
        self.app.add_exception_handler(HTTPException, self._refused)
        self.app.add_exception_handler(HarnessError, self._failed)
        self.app.add_exception_handler(RequestValidationError, self._malformed)
        self.app.get("/static/{name}")(self._send_static)
        self.app.get("/image/{id}")(_image_sender(shelf))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.guarded(scope, receive, send)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page; `secret` is what its forms send back."""
        secret = getattr(request.state, "form_secret", "")
        drawn = self._templates.get_template(template).render(secret=secret, site=self.title, **values)
        return HTMLResponse(drawn, status)

    def _send_static(self, name: str, v: Annotated[str, Query()] = "") -> Response:
        if name not in self._static:
            raise HTTPException(404, "There is no such file.")
        kind = mimetypes.guess_type(name)[0] or "text/plain"
        return Response(self._static[name], media_type=kind, headers={"Cache-Control": _FOREVER if v else "no-cache"})

    def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 303:
            return Response(status_code=303, headers=error.headers)
        text = error.detail if error.detail != "Not Found" else "There is no such page."
        return self.page(request, "message.html", error.status_code, text=text)

    def _failed(self, request: Request, error: Exception) -> Response:
        status = 503 if isinstance(error, StoreError) else 400
        return self.page(request, "message.html", status, text=str(error))

    def _malformed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = ", ".join(str(fault["loc"][-1]) for fault in error.errors())
        return self.page(request, "message.html", 422, text=f"Invalid form fields: {fields}. Go back and try again.")


def _image_sender(shelf: Shelf) -> Callable[[str], Response]:
    def send_image(id: str) -> Response:
        try:
            shown = shelf.read(id)
        except ImageUnavailable as error:
            raise HTTPException(404, str(error)) from error
        return Response(shown.content, media_type=shown.kind, headers={"Cache-Control": "private, max-age=3600"})

    return send_image


def _static_files(package: str) -> dict[str, str]:
    """All static files by name, read once: a request's path never reaches the disk."""
    report = files("reports.writers") / "templates" / "report.css"
    found = {"report.css": report.read_text(encoding="utf-8")}
    for folder in (files("reports.web") / "static", files(package) / "static"):
        if folder.is_dir():
            found |= {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}
    return found


@lru_cache(maxsize=4)
def _environment(package: str, versions: tuple[tuple[str, str], ...]) -> Environment:
    """The pages of a package, compiled once a process; `versions`: name and version of each static file."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("reports.web")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"said": cards.said, "pretty": title_of, "short": shortened, "plain": _plain}
    environment.globals |= {"count": count, "ending": ending, "paging": paging}
    version = dict(versions)
    environment.globals |= {"static": lambda file: f"/static/{file}?v={version[file]}"}
    for template in environment.list_templates(extensions=["html"]):
        environment.get_template(template)  # read now, so that no visitor waits for it
    return environment


def _plain(value: Any) -> str:
    """A benchmark's own facts as indented text."""
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def paging(page: int, pages: int, around: int = 2) -> Sequence[int | None]:
    """Numbers to show beneath a list: 1 … 4 5 6 … 90, with None for a gap."""
    near = sorted({1, pages, *range(max(1, page - around), min(pages, page + around) + 1)})
    shown: list[int | None] = []
    for n in near:
        if shown and shown[-1] != n - 1:
            shown.append(None)
        shown.append(n)
    return shown
