"""The review page: an image, its label, four buttons; several reviewers at once, each without the others' votes.

Every click is a form that works without script; `review.js` adds keys, zoom and marking words of a caption.
"""

from __future__ import annotations

import base64
import secrets
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, File, Form, UploadFile
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from harness.core.errors import ConfigError, StoreError
from harness.labels.cases import JUDGEMENTS, Vote
from harness.labels.votes import UNDO, check_name
from reports.web.guard import Access, posted
from reports.web.review.case_view import buttons, case_view, judgement_name, letters, read_marks, statement
from reports.web.review.desk import Desk
from reports.web.site import Site

LARGEST_TABLE = 16 << 20  # bytes of an uploaded table: 9,000 cases with captions of 20 checkpoints fit
ROWS = 100  # cases on one page of the list
_COOKIE = "harness_reviewer"
_A_YEAR = 365 * 24 * 3600
UPLOADS = {"/table": LARGEST_TABLE}


class Judgement(BaseModel):
    """A vote as its form sends it; `form` is the form's own number, so that a second click does not count twice."""

    case: str
    judgement: str
    form: str
    comment: str = ""
    marks: str = ""
    adjudication: bool = False


class Undo(BaseModel):
    """Withdraws the last vote on a case."""

    case: str
    form: str
    adjudication: bool = False


def review_site(desk: Desk, access: Access) -> Site:
    """The application; its pages use `desk` only."""
    site = Site("reports.web.review", access, desk.shelf, desk.title)
    _looking(site, desk)
    _settling(site, desk)
    _judging(site, desk)
    if desk.tables is not None:
        _tables(site, desk)
    return site


def _looking(site: Site, desk: Desk) -> None:
    get = site.app.get

    @get("/")
    def start(request: Request) -> Response:
        return _page(site, desk, request, "start.html")

    @get("/next")
    def next_case(request: Request, after: str = "") -> Response:
        behind = desk.position(after)
        position = desk.next_open(_reviewer(request, desk), -1 if behind is None else behind)
        return _go("/progress" if position is None else f"/case/{desk.ids[position]}")

    @get("/case/{id}")
    def case(request: Request, id: str) -> Response:
        position, reviewer = _position(desk, id), _reviewer(request, desk)
        view = case_view(desk, position, reviewer)
        return _page(site, desk, request, "case.html", view=view, form=secrets.token_hex(16), adjudicating=False)

    @get("/queue")
    def queue(request: Request, page: int = 1) -> Response:
        pages = max(1, -(-len(desk.cases) // ROWS))
        page = min(max(page, 1), pages)
        positions = range((page - 1) * ROWS, min(page * ROWS, len(desk.cases)))
        return _page(site, desk, request, "queue.html", positions=positions, number_of_page=page, pages=pages)

    @get("/progress")
    def progress(request: Request) -> Response:
        return _page(site, desk, request, "progress.html")


def _settling(site: Site, desk: Desk) -> None:
    get = site.app.get

    @get("/adjudication")
    def adjudication(request: Request) -> Response:
        reviewer = _reviewer(request, desk)
        waiting = [(position, desk.has_judged(position, reviewer)) for position in desk.disputed()]
        return _page(site, desk, request, "adjudication.html", waiting=waiting)

    @get("/adjudication/{id}")
    def adjudicate(request: Request, id: str) -> Response:
        position, reviewer = _position(desk, id), _reviewer(request, desk)
        if not (desk.has_judged(position, reviewer) and desk.can_be_settled(position)):
            return _go(f"/case/{id}")  # nobody sees the others' votes before a judgement of their own
        view = case_view(desk, position, reviewer, adjudicating=True)
        return _page(site, desk, request, "case.html", view=view, form=secrets.token_hex(16), adjudicating=True)


def _judging(site: Site, desk: Desk) -> None:
    post = partial(site.app.post, dependencies=[Depends(posted)])

    @post("/reviewer")
    def sit_down(name: Annotated[str, Form()]) -> Response:
        name = " ".join(name.split())
        check_name(name)
        response = _go("/next")
        value = base64.urlsafe_b64encode(name.encode("utf-8", "replace")).decode()
        response.set_cookie(_COOKIE, value, max_age=_A_YEAR, httponly=True, samesite="lax")
        return response

    @post("/vote")
    def vote(request: Request, sent: Annotated[Judgement, Form()]) -> Response:
        position, reviewer = _position(desk, sent.case), _reviewer(request, desk)
        case, standing = desk.cases[position], desk.standing(position)
        if sent.judgement not in JUDGEMENTS:
            raise ConfigError(f"{sent.judgement[:80]!r} is not a valid judgement. Choose one of: {', '.join(JUDGEMENTS)}.")
        if sent.adjudication and not desk.has_judged(position, reviewer):
            raise HTTPException(409, "Judge this case yourself before you settle it; a skip is not a judgement.")
        if sent.adjudication and not desk.can_be_settled(position):
            raise HTTPException(409, "Reviewers do not disagree on this case, so there is nothing to settle.")
        if not sent.adjudication and standing.settled is not None:
            raise HTTPException(409, f"{standing.settled.reviewer} has settled this case; that vote must be undone first.")
        marks = read_marks(sent.marks) if case.caption and sent.judgement == "wrong" else ()
        if case.caption and sent.judgement == "wrong" and not marks:
            raise ConfigError("Mark the words that the scorer got wrong, or vote that its marks are right.")
        text, settles = _one_kind_of_line(sent.comment), sent.adjudication
        key, at = case.key, desk.now()
        vote = Vote(*key[:4], sent.judgement, reviewer, at, text, case.caption, marks, settles, key.about)
        _keep(desk, vote, sent.form)
        return _go(f"/{'adjudication' if sent.adjudication else 'case'}/{sent.case}")

    @post("/undo")
    def undo(request: Request, asked: Annotated[Undo, Form()]) -> Response:
        position, reviewer = _position(desk, asked.case), _reviewer(request, desk)
        case = desk.cases[position]
        key, at = case.key, desk.now()
        vote = Vote(*key[:4], UNDO, reviewer, at, answer=case.caption, adjudication=asked.adjudication, about=key.about)
        _keep(desk, vote, asked.form)
        return _go(f"/{'adjudication' if asked.adjudication else 'case'}/{asked.case}")


def _keep(desk: Desk, vote: Vote, form: str) -> None:
    try:
        desk.votes.add(vote, form)
    except StoreError as error:
        raise StoreError(f"This vote is not stored. {error} Then go back and send it again.") from error


def _tables(site: Site, desk: Desk) -> None:
    tables = desk.tables
    assert tables is not None

    @site.app.get("/table")
    def download(request: Request) -> Response:
        headers = {"Content-Disposition": 'attachment; filename="queue.csv"'}
        return Response(tables.write(_reviewer(request, desk)), media_type="text/csv; charset=utf-8", headers=headers)

    @site.app.post("/table", dependencies=[Depends(posted)])
    def upload(request: Request, file: Annotated[UploadFile, File()]) -> Response:
        result = tables.read(file.file.read(LARGEST_TABLE + 1), _reviewer(request, desk))
        return _page(site, desk, request, "progress.html", result=result)


def _page(site: Site, desk: Desk, request: Request, template: str, **values: Any) -> Response:
    reviewer = _known_reviewer(request, desk)
    values = {
        "result": "",
        "judgement_name": judgement_name,
        "statement": statement,
        "buttons": buttons,
        "letters": letters,
        **values,
    }
    return site.page(request, template, desk=desk, reviewer=reviewer, **values)


def _position(desk: Desk, id: str) -> int:
    position = desk.position(id)
    if position is None:
        raise HTTPException(404, "This case is not in the queue. The queue may have changed; go to the start.")
    return position


def _known_reviewer(request: Request, desk: Desk) -> str:
    """The reviewer: from the cookie, else as the command named, else "". In the spelling that the votes have."""
    try:
        name = base64.urlsafe_b64decode(request.cookies.get(_COOKIE, "")).decode()
        check_name(name)
    except (ValueError, ConfigError):
        name = desk.reviewer
    return desk.votes.ballots().names.of(name)


def _reviewer(request: Request, desk: Desk) -> str:
    name = _known_reviewer(request, desk)
    if not name:
        raise HTTPException(303, headers={"Location": "/"})
    return name


def _one_kind_of_line(text: str) -> str:
    """Forms send lines with CR LF."""
    return text.replace("\r\n", "\n").strip()


def _go(address: str) -> RedirectResponse:
    return RedirectResponse(address, 303)
