"""The review page, by its forms alone: what is hidden from whom, what a click does, what adjudication needs."""

import json
import re

import pytest

from harness.core.errors import StoreError
from harness.labels.cases import Box, caption_field
from reports.web.review.case_view import alike, drawn_boxes, tokens
from reports.web.review.desk import Desk, Tables, mixed
from reports.web.shelf import Shelf
from tests.reports.web.desks import CAPTION, Memory, caption_case, draw_images, label_case, new_client, new_desk, secret_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    draw_images(folder)
    return folder


@pytest.fixture
def desk(folder):
    return new_desk(folder)


class Reviewer:
    """One browser: sits down, clicks."""

    def __init__(self, desk, name):
        self.client, self.desk = new_client(desk), desk
        self.secret = secret_of(self.client)
        self.forms = 0
        self.post("/reviewer", name=name)

    def get(self, path):
        return self.client.get(path)

    def post(self, path, **fields):
        return self.client.post(path, data={"secret": self.secret, **fields})

    def says(self, position, word, **more):
        self.forms += 1
        return self.post(
            "/vote", case=self.desk.ids[position], judgement=word, **{"form": f"{self.secret}{self.forms}", **more}
        )

    def takes_back(self, position, **more):
        self.forms += 1
        return self.post("/undo", case=self.desk.ids[position], form=f"{self.secret}{self.forms}", **more)


@pytest.fixture
def ann(desk):
    return Reviewer(desk, "ann")


@pytest.fixture
def bob(desk):
    return Reviewer(desk, "bob")


def test_who_has_no_name_is_asked_for_one(desk):
    client = new_client(desk)
    for path in ("/next", f"/case/{desk.ids[0]}", "/adjudication"):
        assert client.get(path, follow_redirects=False).headers["location"] == "/"


def test_the_command_can_name_the_reviewer(folder):
    desk = new_desk(folder, reviewer="ann")
    client = new_client(desk)
    assert ">ann</a>" in client.get("/next").text
    start = client.get("/").text  # nobody is asked for the name that the command gave; another one can still be given
    assert "You review as <b>ann</b>" in start and "autofocus" not in start and "<details><summary>Another reviewer" in start
    assert "autofocus" in new_client(new_desk(folder)).get("/").text


def test_a_case_shows_image_boxes_question_label_and_reasons(ann, desk):
    html = ann.get("/next").text
    assert "Is there a cup in the image?" in html and "<b>no</b>" in html
    assert "none of the 5 reference captions names it" in html
    assert 'viewBox="0 0 320 240"' in html and '<rect x="60" y="90" width="70" height="100"/>' in html
    assert 'class="box asked"' in html and 'class="box crowd"' in html


def test_answers_and_what_is_told_of_them_are_hidden_until_the_first_judgement(ann, desk):
    before = ann.get(f"/case/{desk.ids[0]}").text
    after = ann.says(0, "wrong").text
    for told in ("No, there is no cup.", "3 of 3 checkpoints", "base, dpo", "rloo"):
        assert told not in before and told in after
    assert "No, there is no cup." not in ann.takes_back(0).text


def test_a_vote_is_kept_with_who_when_and_why(ann, desk):
    ann.says(0, "wrong", comment="two lines\r\nof it ")
    (vote,) = desk.votes.votes
    assert (vote.key, vote.judgement, vote.reviewer, vote.comment) == (desk.keys[0], "wrong", "ann", "two lines\nof it")
    assert vote.at.startswith("2026-01-01") and not vote.adjudication


def test_a_double_click_is_one_vote(ann, desk):
    ann.says(0, "wrong", form="same")
    ann.says(0, "wrong", form="same")
    assert len(desk.votes.votes) == 1


def test_changing_ones_mind_and_undo_leave_everything_on_record(ann, desk):
    ann.says(0, "wrong")
    ann.says(0, "right")
    ann.takes_back(0)
    assert [v.judgement for v in desk.votes.votes] == ["wrong", "right", "undo"]
    assert desk.standing(0).votes["ann"].judgement == "wrong"


def test_next_goes_round_to_what_this_reviewer_has_not_seen(ann, desk):
    for position in (0, 1, 3):
        ann.says(position, "right")
    assert desk.next_open("ann") == 2
    assert desk.next_open("ann", 3) == 4
    assert desk.next_open("ann", 6) == 2
    assert desk.next_open("bob") == 0
    for position in (2, 4, 5, 6):
        ann.says(position, "skip")
    assert ann.get("/next").url.path == "/progress"


def test_nobody_sees_the_others_votes_before_their_own(ann, bob, desk):
    bob.says(0, "ambiguous", comment="BOBS COMMENT")
    for path in (f"/case/{desk.ids[0]}", f"/adjudication/{desk.ids[0]}", "/queue", "/adjudication"):
        html = ann.get(path).text
        assert "BOBS COMMENT" not in html and "bob" not in html and ">ambiguous" not in html
    html = ann.says(0, "right").text
    assert "BOBS COMMENT" not in html  # only adjudication shows it


def test_adjudication_asks_for_a_word_of_ones_own_first(ann, bob, desk):
    ann.says(0, "wrong", comment="ANN")
    bob.says(0, "right", comment="BOB")
    cy = Reviewer(desk, "cy")
    assert "Judge it first" in cy.get("/adjudication").text
    assert cy.get(f"/adjudication/{desk.ids[0]}").url.path == f"/case/{desk.ids[0]}"
    assert cy.says(0, "wrong", adjudication="true").status_code == 409
    assert "No, there is no cup." not in cy.says(0, "skip").text
    assert "Judge it first" in cy.get("/adjudication").text
    assert cy.get(f"/adjudication/{desk.ids[0]}").url.path == f"/case/{desk.ids[0]}"
    assert cy.says(0, "wrong", adjudication="true").status_code == 409
    cy.says(0, "ambiguous")
    html = cy.get(f"/adjudication/{desk.ids[0]}").text
    assert "ANN" in html and "BOB" in html
    cy.says(0, "wrong", adjudication="true", comment="settled")
    assert desk.standing(0).settled.reviewer == "cy"
    assert desk.disputed() == []


def test_only_a_disagreement_is_settled(ann, bob, desk):
    ann.says(0, "wrong")
    bob.says(0, "wrong", comment="BOB")
    assert ann.says(0, "right", adjudication="true").status_code == 409
    assert ann.get(f"/adjudication/{desk.ids[0]}").url.path == f"/case/{desk.ids[0]}"
    bob.says(0, "right")
    ann.says(0, "right", adjudication="true")
    assert bob.says(0, "wrong", adjudication="true").status_code == 200  # another settlement replaces the first
    assert (desk.standing(0).settled.reviewer, desk.standing(0).settled.judgement) == ("bob", "wrong")


def test_a_vote_is_one_of_those_that_the_page_offers(ann, desk):
    ann.says(0, "wrong")
    for word in ("undo", "flipped", ""):
        assert ann.says(0, word).status_code in (400, 422)
    assert [vote.judgement for vote in desk.votes.votes] == ["wrong"]


def test_a_settled_label_takes_no_further_votes_and_leaves_the_queue(ann, bob, desk):
    ann.says(0, "wrong")
    bob.says(0, "right")
    ann.says(0, "wrong", adjudication="true")
    cy = Reviewer(desk, "cy")
    assert "Settled by ann" in cy.get(f"/case/{desk.ids[0]}").text
    assert cy.says(0, "right").status_code == 409
    assert desk.next_open("cy") == 1


def test_an_adjudication_can_be_taken_back_by_who_made_it(ann, bob, desk):
    ann.says(0, "wrong")
    bob.says(0, "right")
    ann.says(0, "wrong", adjudication="true")
    bob.takes_back(0, adjudication="true")
    assert desk.disputed() == []
    ann.takes_back(0, adjudication="true")
    assert desk.disputed() == [0]


def test_progress_tells_who_did_what_and_how_far_they_agree(ann, bob, desk):
    for position, word in enumerate(["right", "wrong", "wrong", "ambiguous"]):
        ann.says(position, word)
    for position, word in enumerate(["right", "wrong", "right", "skip"]):
        bob.says(position, word)
    html = ann.get("/progress").text
    text = re.sub(r"<[^>]+>|\s+", " ", html)
    assert "ann and bob" in text and re.search(r"ann and bob\s+3\s+2\s+0\.40", text)
    assert "3 labels decided of 7: 1 right, 1 wrong, 1 ambiguous" in text
    assert "1 disagreement" in text


def test_progress_counts_a_caption_with_other_marks_as_no_agreement(ann, bob):
    for one, marks in ((ann, [[34, 38, "missed"]]), (bob, [[20, 24, "false alarm"]])):
        one.says(0, "right")
        one.says(6, "wrong", marks=json.dumps(marks))
    text = re.sub(r"<[^>]+>|\s+", " ", ann.get("/progress").text)
    assert re.search(r"ann and bob\s+1\s+1\s+–", text) and "1 disagreement" in text
    assert "1 caption judged by at least two reviewers: all their marks are the same on 0." in text


def test_marks_of_a_caption_are_kept_as_characters_of_it(ann, desk):
    html = ann.says(6, "wrong", marks=json.dumps([[34, 38, "missed"], [20, 24, "false alarm"]])).text
    (vote,) = desk.votes.votes
    assert [(CAPTION[s.start : s.end], s.kind) for s in vote.spans] == [("sofa", "false alarm"), ("lamp", "missed")]
    assert (vote.answer, vote.judgement) == (CAPTION, "wrong")
    assert 'class="token uncovered mark missed"' in html and 'class="token invented mark false-alarm"' in html


def test_a_caption_is_called_wrong_only_with_marks_and_right_only_without(ann, desk):
    assert ann.says(6, "wrong", marks="[]").status_code == 400
    ann.says(6, "right", marks=json.dumps([[34, 38, "missed"]]))
    assert desk.votes.votes[0].spans == ()


def test_a_caption_is_cut_where_the_scorer_and_the_reviewer_cut_it():
    case = caption_case()
    cut = tokens("a fire hydrant \U0001f600 don't", [], [])
    assert [t.text for t in cut if t.can_be_marked] == ["a", "fire", "hydrant", "don't"]
    assert "".join(t.text for t in tokens(case.caption, case.spans, ())) == CAPTION
    assert [(t.text, t.kind) for t in tokens(case.caption, case.spans, ()) if t.kind] == [
        ("cat", "found"), ("sofa", "invented"), ("lamp", "uncovered")
    ]  # fmt: skip


def test_a_caption_that_is_too_long_for_a_page_is_cut_and_the_page_says_so(folder):
    from harness.core.evaluation import Span

    text = f"{CAPTION} " * 5_000  # 200,000 characters
    spans = (Span(2, 5, "found"), Span(190_002, 190_005, "found"))
    case = label_case(0, field=caption_field(text, spans), label="", caption=text, spans=spans)
    html = new_client(new_desk(folder, cases=[case], reviewer="ann")).get("/next").text
    assert "180,000 more characters are left out and cannot be marked" in html
    assert len(html) < 1_500_000 and html.count('class="token found"') == 1
    assert "left out" not in new_client(new_desk(folder, cases=[caption_case()], reviewer="ann")).get("/next").text


def test_spans_that_overlap_or_run_over_the_end_lose_no_text():
    from harness.core.evaluation import Span

    for spans in ([Span(0, 5, "found"), Span(3, 8, "invented")], [Span(6, 99, "found")], [Span(5, 2, "found")]):
        assert "".join(t.text for t in tokens("a cat sat", spans, ())) == "a cat sat"


def test_answers_that_are_alike_stand_together():
    assert alike({"a": "No.", "b": "Yes", "c": "No. "}) == (("No.", ("a", "c")), ("Yes", ("b",)))


def test_controls_lie_evenly_among_the_suspects_and_none_is_lost():
    cases = [label_case(i, suspicion=1 - i / 100) for i in range(80)]
    cases += [label_case(i, suspicion=0.001 * (i - 80), control=True) for i in range(80, 100)]
    queue = mixed(cases, 40)
    controls = [position for position, case in enumerate(queue) if case.control]
    assert len(queue) == 60 and len(controls) == 20
    assert sum(position < 30 for position in controls) == 10
    assert [c.item_id for c in queue if not c.control] == [f"item {i}" for i in range(40)]


def test_a_control_that_is_a_suspect_too_is_asked_once():
    cases = [label_case(i, suspicion=1 - i / 100, control=i == 1) for i in range(4)]
    assert len(mixed(cases, 2)) == 2


def test_an_empty_queue_says_so(folder):
    desk = Desk("POPE", [], Memory(), Shelf(), lambda: "", "ann")
    client = new_client(desk)
    for path in ("/", "/next", "/queue", "/progress", "/adjudication"):
        assert client.get(path).status_code == 200


def test_an_image_that_is_gone_leaves_the_question(folder):
    desk = new_desk(folder, cases=[label_case(0, image="images/gone.png")], reviewer="ann")
    html = new_client(desk).get("/next").text
    assert "cannot be shown" in html and "Is there a cup" in html


def test_a_store_that_is_held_by_another_process_is_told_and_the_vote_can_be_sent_again(desk, ann):
    kept, desk.votes.add = desk.votes.add, lambda vote, token="": (_ for _ in ()).throw(StoreError("locked; wait"))
    answer = ann.says(0, "right", form="f")
    assert answer.status_code == 503 and "locked; wait Then go back and send it again." in answer.text
    desk.votes.add = kept
    ann.says(0, "right", form="f")
    assert len(desk.votes.votes) == 1


def test_the_queue_goes_out_as_a_table_and_comes_back(folder):
    got = []
    tables = Tables(
        lambda reviewer: f"word of {reviewer}", lambda content, reviewer: got.append((content, reviewer)) or "2 votes kept."
    )
    desk = new_desk(folder, tables=tables)
    ann = Reviewer(desk, "ann")
    assert ann.get("/table").text == "word of ann"
    answer = ann.client.post("/table", data={"secret": ann.secret}, files={"file": ("queue.csv", b"a,b\r\n")})
    assert "2 votes kept." in answer.text and got == [(b"a,b\r\n", "ann")]


def test_an_upload_over_the_limit_is_refused_before_it_is_read(folder):
    desk = new_desk(folder, tables=Tables(lambda reviewer: "", lambda content, reviewer: pytest.fail("read")))
    ann = Reviewer(desk, "ann")
    files = {"file": ("queue.csv", b"x" * ((16 << 20) + 1))}
    assert ann.client.post("/table", data={"secret": ann.secret}, files=files).status_code == 413


def test_a_verdict_shows_the_answer_it_is_about_and_not_who_gave_it(folder):
    case = label_case(0, field="verdict/dpo", label="chat: 3 (three)", rated="Two dogs.", answers={"dpo": "Two dogs."})
    html = new_client(new_desk(folder, cases=[case], reviewer="ann")).get("/next").text
    assert "Two dogs." in html and "The judge rates it <b>chat: 3 (three)</b>" in html and "dpo" not in html


def test_a_word_without_a_label_is_asked_about_in_words(folder):
    case = label_case(0, field="noun/lamp", label="not judged")
    client = new_client(new_desk(folder, cases=[case], reviewer="ann"))
    html = client.get("/next").text
    assert "does not judge this word" in html and "It is there" in html
    assert "noun/" not in html + client.get("/queue").text and "not judged" not in html


def test_progress_shows_alpha_and_what_still_needs_a_vote(ann, bob):
    ann.says(0, "right")
    bob.says(0, "wrong")
    ann.says(1, "wrong")
    bob.says(1, "wrong")
    html = ann.get("/progress").text
    assert "Krippendorff’s α: 0.00" in html  # 4 judgements, 1 right: 1 - 3 * 2 / (16 - 1 - 9)
    assert "1 case for another reviewer; 1 need no further vote" in html and "from ten cases with two votes on" in html


def test_no_name_of_a_box_covers_another_one() -> None:
    boxes = [
        Box("apple", 250, 100, 70, 70),
        Box("bed", 270, 100, 120, 160),
        Box("cup", 80, 150, 60, 60),
        Box("oven", 80, 150, 9, 9),
    ]
    drawn = drawn_boxes(boxes, "Is there a bed in the image?", (504, 400))
    assert [one.asked for one in drawn] == [False, True, False, False]
    assert [one.y for one in drawn] == pytest.approx([96.4, 108.4, 146.4, 158.4])


def test_every_name_of_a_box_is_within_the_image() -> None:
    """At its lower edge too, and where there are more names than lines."""
    crowded = drawn_boxes([Box(f"cup {n}", 300, 385, 20, 15) for n in range(12)], "", (504, 400))
    assert len({round(one.y, 1) for one in crowded}) == 12
    everywhere = drawn_boxes([Box("cup", 300, 200, 20, 15)] * 60, "", (504, 400))
    assert all(0 < one.y <= 400 for one in (*crowded, *everywhere))
