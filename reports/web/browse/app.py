"""The run browser: runs, a run, a benchmark's items by pages and filters, one item with all answers and verdicts."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import asdict
from typing import Any

from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from reports.page import cards
from reports.web.browse.records import SHOWS, Archive, Filter, Listing, RunCard, sorted_runs
from reports.web.browse.summary import headline_rows, marks, partial, said
from reports.web.guard import Access
from reports.web.shelf import Shelf
from reports.web.site import Site

ROWS = 50  # items on one page of a list


def browser_site(archive: Archive, shelf: Shelf, access: Access) -> Site:
    """The application; it only reads."""
    site = Site("reports.web.browse", access, shelf, "Runs")
    _runs(site, archive)
    _items(site, archive, shelf)
    _by_id(site, archive)
    return site


def _runs(site: Site, archive: Archive) -> None:
    get = site.app.get

    @get("/")
    def runs(request: Request, sort: str = "begun", down: bool = True) -> Response:
        lines = sorted_runs(archive.runs(), sort, down)
        return site.page(request, "runs.html", lines=lines, sort=sort, down=down, fleet=archive.fleet())

    @get("/run/{run}")
    def run(request: Request, run: str) -> Response:
        card = _card(archive, run)
        found, checkpoints = card.summary, card.line.checkpoints
        return site.page(
            request, "run.html", card=card, said=said(found, "headline"), rows=headline_rows(found, checkpoints),
            columns=list(zip(checkpoints, marks(found, checkpoints), strict=True)), partial=partial(found),
            overlap=said(found, "overlap"),
        )  # fmt: skip

    @get("/run/{run}/report")
    def report(run: str) -> Response:
        html = archive.report(run)
        if html is None:
            raise HTTPException(404, "This run has no report yet: it is written when the run is complete.")
        return HTMLResponse(html, headers={"Content-Security-Policy": report_policy(html)})


def _items(site: Site, archive: Archive, shelf: Shelf) -> None:
    get = site.app.get

    @get("/run/{run}/items/{benchmark}")
    def items(
        request: Request, run: str, benchmark: str, page: int = 1, show: str = "all", by: str = "", words: str = ""
    ) -> Response:
        card, listing, truth = _card(archive, run), _listing(archive, run, benchmark), archive.references(run, benchmark)
        chosen_by = Filter(show, by, words[:200])
        chosen = chosen_by.chosen(listing)
        pages = max(1, -(-len(chosen) // ROWS))
        page = min(max(page, 1), pages)
        values: dict[str, Any] = {
            "places": chosen[(page - 1) * ROWS : page * ROWS],
            "n_chosen": len(chosen),
            "page": page,
            "pages": pages,
            "has_truth": any(map(truth, listing.items)),
        }
        return site.page(
            request, "items.html", card=card, listing=listing, filter=chosen_by, query=_query(chosen_by), shows=SHOWS,
            truth=truth, shelf=shelf, **values,
        )  # fmt: skip

    @get("/run/{run}/items/{benchmark}/{place}")
    def item(
        request: Request, run: str, benchmark: str, place: int, show: str = "all", by: str = "", words: str = ""
    ) -> Response:
        card, listing = _card(archive, run), _listing(archive, run, benchmark)
        if not 0 <= place < len(listing.items):
            raise HTTPException(404, f"{benchmark} has {len(listing.items):,} items; there is no item number {place + 1}.")
        one, chosen_by = listing.items[place], Filter(show, by, words[:200])
        before, behind = neighbours(chosen_by.chosen(listing), place)
        return site.page(
            request, "item.html", card=card, listing=listing, item=one, place=place, before=before, behind=behind,
            query=_query(chosen_by), prompt=archive.prompt(run, benchmark, one), truth=archive.references(run, benchmark)(one),
            item_results=archive.item_results(run, benchmark, listing, place), pieces=cards.pieces, shelf=shelf,
        )  # fmt: skip


def _by_id(site: Site, archive: Archive) -> None:
    @site.app.get("/run/{run}/item/{benchmark}")
    def item_by_id(request: Request, run: str, benchmark: str, id: str) -> Response:
        """An item's address by its id: the same in every run and under every filter."""
        _card(archive, run)
        places = {one.id: place for place, one in enumerate(_listing(archive, run, benchmark).items)}
        if id not in places:
            raise HTTPException(404, f"{benchmark[:80]} has no item {id[:80]!r} in this run.")
        there = request.url_for("item", run=run, benchmark=benchmark, place=places[id])
        return RedirectResponse(there.path, status_code=307)


def neighbours(places: list[int], place: int) -> tuple[int | None, int | None]:
    """The items before and behind, among those that the filter leaves."""
    before = max((p for p in places if p < place), default=None)
    behind = min((p for p in places if p > place), default=None)
    return before, behind


def report_policy(html: str) -> str:
    """A report runs the one script at its end and nothing else, in a sandbox: no network, no way to these pages."""
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _query(chosen_by: Filter) -> str:
    """The filter as the end of an address, without its page; "" where nothing is filtered."""
    asked = asdict(chosen_by)
    given: dict[str, Any] = {name: value for name, value in (("show", asked["show"]), ("by", asked["checkpoint"])) if value}
    if asked["words"]:
        given["words"] = asked["words"]
    return URL("").include_query_params(**given).query


def _card(archive: Archive, run: str) -> RunCard:
    card = archive.run(run)
    if card is None:
        raise HTTPException(404, f"There is no run {run[:80]!r} in this store.")
    return card


def _listing(archive: Archive, run: str, benchmark: str) -> Listing:
    listing = archive.listing(run, benchmark)
    if listing is None:
        raise HTTPException(404, f"This run has no results on {benchmark[:80]!r} yet.")
    return listing
