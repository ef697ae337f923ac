"""Who may ask the local pages for what: each attack is tried."""

import os
import re
import socket

import pytest

from harness.core.errors import ConfigError
from reports.web.guard import LARGEST_FORM, Access
from reports.web.serving import address, new_access, serve
from reports.web.shelf import ImageUnavailable, Shelf
from tests.reports.web.desks import ADDRESS, HOSTILE, draw_images, label_case, new_client, new_desk, new_site, secret_of

TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    draw_images(folder)
    return folder


@pytest.fixture
def desk(folder):
    return new_desk(folder, reviewer="ann")


@pytest.fixture
def client(desk):
    return new_client(desk)


def vote(client, desk, **more):
    return {"secret": secret_of(client), "case": desk.ids[0], "judgement": "right", "form": "f", **more}


def read(shelf, image):
    return shelf.read(shelf.id(image))


def posts(site):
    return [route.path for route in site.app.routes if "POST" in getattr(route, "methods", ())]


# ---------------------------------------------------------------- whose request is it?


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "", "127.0.0.1@evil.example"])
def test_another_name_that_points_here_is_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765", "localhost:9000"])
def test_our_own_names_are_answered_through_a_tunnel_too(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_every_form_needs_the_secret_of_its_session(client, desk):
    site = new_site(desk)
    assert set(posts(site)) >= {"/vote", "/undo", "/reviewer"}
    for path in posts(site):
        for given in ({}, {"secret": "0" * 64}):
            assert client.post(path, data={**vote(client, desk), "secret": "", **given}).status_code == 403, path
    assert desk.votes.votes == []


def test_the_secret_of_another_browser_does_not_serve(client, desk):
    other = new_client(desk)
    assert client.post("/vote", data=vote(client, desk, secret=secret_of(other))).status_code == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1234", ""])
def test_a_form_of_another_site_is_refused_even_with_the_secret(client, desk, origin):
    assert client.post("/vote", data=vote(client, desk), headers={"Origin": origin}).status_code == 403
    assert desk.votes.votes == []


def test_a_form_that_a_browser_calls_cross_site_is_refused(client, desk):
    assert client.post("/vote", data=vote(client, desk), headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_our_own_form_is_taken(client, desk):
    answer = client.post("/vote", data=vote(client, desk), headers={"Origin": ADDRESS}, follow_redirects=False)
    assert answer.status_code == 303
    assert [v.judgement for v in desk.votes.votes] == ["right"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client, method):
    assert client.request(method, "/vote").status_code == 405


# ---------------------------------------------------------------- beyond loopback


def test_beyond_loopback_there_is_always_a_token():
    access = new_access("0.0.0.0", 1)
    assert len(access.token) >= 32 and access.token in address("10.0.0.5", access)
    assert new_access("127.0.0.1", 1).token == new_access("localhost", 1).token == new_access("::1", 1).token == ""


@pytest.mark.parametrize("token", ["short", "with spaces in the token", "with&ampersand-in-it", "ümläutümläutümläut"])
def test_a_token_that_can_be_guessed_or_mangled_is_refused(token):
    with pytest.raises(ConfigError, match="at least 16 characters"):
        new_access("0.0.0.0", 1, token)


@pytest.mark.parametrize("path", ["/", "/progress", "/static/web.css", "/queue", "/image/0", "/?token=", "/?token=wrong"])
def test_without_the_token_nothing_is_shown(desk, path):
    client = new_client(desk, token=TOKEN)
    assert client.get(path).status_code == 401
    forged = {"Cookie": f"harness_8765={'0' * 32}.{'0' * 64}"}
    assert client.get(path, headers=forged).status_code == 401


def test_the_token_opens_the_page_and_leaves_the_address_bar(desk):
    client = new_client(desk, token=TOKEN)
    answer = client.get(f"/?token={TOKEN}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "HttpOnly" in answer.headers["set-cookie"] and "SameSite" in answer.headers["set-cookie"]
    assert client.get("/").status_code == 200


def test_an_address_is_answered_beyond_loopback_and_a_strange_name_is_not():
    access = Access(1, frozenset({"box"}), any_address=True, token=TOKEN)
    assert access.knows("10.0.0.5:1") and access.knows("[fe80::1]:1") and access.knows("box:1")
    assert not access.knows("evil.example:1")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # uvicorn leaves its socket open
def test_a_port_that_is_taken_is_told_with_what_to_do():
    with pytest.raises(ConfigError, match="Give --host an address of this machine"):
        serve(None, "203.0.113.7", 8766)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="Choose one with --port"):
        serve(None, "127.0.0.1", taken.getsockname()[1])


# ---------------------------------------------------------------- what an answer may do in the browser


@pytest.mark.parametrize(
    "path", ["/", "/next", "/queue", "/progress", "/adjudication", "/nowhere", "/static/review.js", "/image/x"]
)
def test_every_answer_forbids_foreign_and_inline_script(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


def test_pages_hold_no_inline_script_or_style(client, desk):
    for path in ("/", f"/case/{desk.ids[0]}", f"/case/{desk.ids[6]}", "/queue", "/progress", "/adjudication"):
        html = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html), path


def test_hostile_words_are_shown_as_text(folder):
    case = label_case(0, question=HOSTILE, label=HOSTILE, answers={HOSTILE: HOSTILE}, reasons=(HOSTILE,), image=HOSTILE)
    desk = new_desk(folder, cases=[case], reviewer="ann")
    client = new_client(desk)
    client.post("/vote", data=vote(client, desk, comment=HOSTILE[:-1]))
    for path in (f"/case/{desk.ids[0]}", "/queue"):
        html = client.get(path).text
        assert "&lt;script&gt;alert(1)" in html
        assert "<script>alert" not in html and "<img src=x" not in html and "\u202e" not in html


def test_a_reviewers_name_is_text_too(client, desk):
    name = "<b>ann</b>"
    client.post("/reviewer", data={"secret": secret_of(client), "name": name})
    assert "&lt;b&gt;ann" in client.get("/queue").text and "<b>ann" not in client.get("/queue").text


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\u202eb"])
def test_a_name_that_nobody_has_is_refused(client, name):
    assert client.post("/reviewer", data={"secret": secret_of(client), "name": name}).status_code in (400, 422)


def test_a_forged_name_cookie_is_forgotten(client):
    assert client.get("/queue", headers={"Cookie": "harness_reviewer=%00notbase64"}).status_code == 200


# ---------------------------------------------------------------- how much


def test_a_large_form_is_refused(client, desk):
    large = vote(client, desk, comment="x" * LARGEST_FORM)
    assert client.post("/vote", data=large).status_code == 413


def test_a_large_form_in_pieces_without_a_length_is_refused(client, desk):
    def pieces():
        for _ in range(100):
            yield b"x" * 10_000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/vote", content=pieces(), headers=headers).status_code == 413
    assert desk.votes.votes == []


@pytest.mark.parametrize("length", ["-1", "many", "99999999999"])
def test_a_length_that_is_none_is_refused(client, length):
    assert client.post("/vote", content=b"", headers={"Content-Length": length}).status_code == 413


@pytest.mark.parametrize(
    "wrong",
    [
        {"judgement": "maybe"},
        {"case": "0000"},
        {"case": ""},
        {"form": None},
        {"comment": "x" * 4001},
        {"judgement": "right", "adjudication": "perhaps"},
    ],
)
def test_a_form_that_says_nothing_is_an_error_in_words(client, desk, wrong):
    answer = client.post("/vote", data={k: v for k, v in vote(client, desk, **wrong).items() if v is not None})
    assert 400 <= answer.status_code < 500 and "text/html" in answer.headers["content-type"]
    assert desk.votes.votes == []


@pytest.mark.parametrize(
    "marks",
    [
        "[[0, 5]]",
        "{}",
        "[[0, 5, 'x']]",
        '[[0, 5, "found"]]',
        '[[5, 999, "missed"]]',
        '[["0", 5, "missed"]]',
        "[" * 5000,
        '[[0, 1e9, "missed"]]',
        '[[true, 5, "missed"]]',
    ],
)
def test_marks_that_are_none_are_refused(client, desk, marks):
    answer = client.post("/vote", data=vote(client, desk, case=desk.ids[6], judgement="wrong", marks=marks))
    assert answer.status_code == 400
    assert desk.votes.votes == []


# ---------------------------------------------------------------- images


def test_an_image_is_served_by_id_only(client, desk):
    assert client.get(f"/image/{desk.shelf.id('images/0.png')}").headers["content-type"] == "image/png"
    for id in ("images/0.png", "..%2f..%2fetc%2fpasswd", "../images/0.png", desk.shelf.id("images/5.jpg"), "0" * 20):
        assert client.get(f"/image/{id}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/static/..%2fguard.py", "/static/%2e%2e/guard.py", "/static/guard.py", "/static//etc/passwd"]
)
def test_static_files_are_those_of_the_page_only(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("image", ["../secret.png", "/etc/passwd", "images/../../secret.png", "a\0b.png", ".", "images", ""])
def test_a_name_that_leads_outside_shows_no_image(folder, image):
    (folder.parent / "secret.png").write_bytes((folder / "images/0.png").read_bytes())
    with pytest.raises(ImageUnavailable):
        read(Shelf([image], folder), image)


def test_symbolic_links_are_refused_as_files_and_as_folders(folder, tmp_path):
    inside = tmp_path / "data"
    (inside / "real").mkdir(parents=True)
    (inside / "real/a.png").write_bytes((folder / "images/0.png").read_bytes())
    (inside / "link.png").symlink_to(inside / "real/a.png")
    (inside / "folder").symlink_to(folder / "images")
    shelf = Shelf(["real/a.png", "link.png", "folder/0.png"], inside)
    assert read(shelf, "real/a.png").kind == "image/png"
    for image in ("link.png", "folder/0.png"):
        with pytest.raises(ImageUnavailable, match="symbolic link"):
            read(shelf, image)


def test_a_data_folder_that_is_a_link_itself_is_the_users_choice(folder, tmp_path):
    (tmp_path / "data").symlink_to(folder)
    assert read(Shelf(["images/0.png"], tmp_path / "data"), "images/0.png").content


@pytest.mark.parametrize(
    "content", [b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"<html>", b"", b"root:x:0"]
)
def test_what_is_no_image_is_not_served_under_an_images_name(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageUnavailable, match="not a JPEG"):
        read(Shelf(["a.png"], tmp_path), "a.png")


def test_a_pipe_in_the_data_folder_does_not_hang_the_server(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageUnavailable):
        read(Shelf(["a.png"], tmp_path), "a.png")
