"""Whose word counts, where reviewers disagree, what follows for the labels."""

import pytest
from pytest import approx

from harness.core.errors import ConfigError
from harness.core.evaluation import Span
from harness.labels.cases import Key, Vote, caption_field
from harness.labels.votes import Ballots, checked, moment

KEY = Key("pope", "1", "label", "yes")


def vote(word, reviewer="ann", item="1", at="2026-01-01T00:00:00+00:00", **more):
    return Vote("pope", item, "label", "yes", word, reviewer, at, **more)


def words(ballots, key=KEY):
    return {name: v.judgement for name, v in ballots.of(key).votes.items()}


def test_a_later_vote_of_the_same_reviewer_supersedes():
    assert words(Ballots([vote("right"), vote("wrong"), vote("skip", "bob")])) == {"ann": "wrong", "bob": "skip"}


def test_undo_brings_back_the_word_before():
    cast = [vote("right"), vote("wrong"), vote("undo")]
    assert words(Ballots(cast)) == {"ann": "right"}
    assert words(Ballots([*cast, vote("undo")])) == {}
    assert words(Ballots([*cast, vote("undo"), vote("undo")])) == {}
    assert Ballots([*cast, vote("undo")]).reviewers() == []


def test_undo_takes_back_nobody_elses_word():
    assert words(Ballots([vote("right", "bob"), vote("undo", "ann")])) == {"bob": "right"}


def test_the_last_case_a_reviewer_judged_is_known_for_undo():
    cast = [vote("right", item="1"), vote("right", item="2"), vote("wrong", item="1")]
    assert [key[1] for key in Ballots(cast).judged_by("ann")] == ["2", "1"]
    assert [key[1] for key in Ballots([*cast, vote("undo", item="1")]).judged_by("ann")] == ["1", "2"]
    assert [key[1] for key in Ballots([*cast, vote("undo", item="2")]).judged_by("ann")] == ["1"]


def test_a_label_that_changed_since_is_another_case():
    old = Vote("pope", "1", "label", "no", "wrong", "bob", "")
    ballots = Ballots([vote("right"), old])
    assert words(ballots) == {"ann": "right"}
    assert not ballots.disputed()


def test_all_who_judged_agree_and_the_label_is_decided():
    ballots = Ballots([vote("wrong"), vote("wrong", "bob", at="2026-01-02", comment="a truck"), vote("skip", "cy")])
    (edit,) = ballots.edits()
    assert (edit.new, edit.old, edit.field, edit.item_id) == ("flipped", "yes", "label", "1")
    assert (edit.reviewer, edit.reason, edit.at) == ("ann, bob", "a truck", "2026-01-02")


def test_times_are_compared_whatever_their_zone():
    five, six = "2026-01-01T10:00:00+05:00", "2026-01-01T06:00:00"  # without a zone: UTC
    assert moment(six) - moment(five) == 3600 and moment(six) == moment(six + "Z") and moment("then") < moment(five)
    (edit,) = Ballots([vote("wrong", at=six), vote("wrong", "bob", at=five)]).edits()
    assert edit.at == six


def test_right_stays_and_ambiguous_is_removed():
    ballots = Ballots([vote("right"), vote("ambiguous", item="2"), vote("skip", item="3")])
    assert [(e.item_id, e.new) for e in ballots.edits()] == [("1", "right"), ("2", "removed")]


def test_a_disagreement_changes_no_label_until_it_is_settled():
    cast = [vote("wrong"), vote("right", "bob"), vote("right", "cy")]
    assert Ballots(cast).disputed() == [KEY]
    assert Ballots(cast).edits() == []
    settled = [*cast, vote("wrong", "dee", adjudication=True, comment="look closer")]
    assert Ballots(settled).disputed() == []
    (edit,) = Ballots(settled).edits()
    assert (edit.new, edit.reviewer, edit.reason) == ("flipped", "dee", "look closer")


def test_reviewers_who_only_skipped_decided_nothing():
    cast = [vote("wrong", "ann"), vote("skip", "bo"), vote("right", "cy", item="2"), vote("wrong", "dee", item="2")]
    ballots = Ballots(cast)
    assert ballots.reviewers() == ["ann", "bo", "cy", "dee"] and ballots.deciders(ballots.edits()) == ["ann"]
    settled = Ballots([*cast, vote("right", "eve", item="2", adjudication=True)])
    assert settled.deciders(settled.edits()) == ["ann", "eve"]


def test_an_adjudication_can_be_taken_back():
    cast = [vote("wrong"), vote("right", "bob"), vote("wrong", "bob", adjudication=True)]
    assert Ballots([*cast, vote("undo", "bob", adjudication=True)]).disputed() == [KEY]


def caption_vote(word, reviewer, *spans):
    text = "A cat and a dog."
    return Vote("chair", "9", caption_field(text, ()), "", word, reviewer, "", answer=text, spans=spans)


def test_captions_leave_marks_and_no_edits():
    cat, dog = Span(2, 5, "missed"), Span(12, 15, "false alarm")
    ballots = Ballots([caption_vote("wrong", "ann", cat, dog), caption_vote("wrong", "bob", dog, cat)])
    assert ballots.edits() == []
    assert [set(v.spans) for v in ballots.marks()] == [{cat, dog}]


def test_an_ambiguous_caption_leaves_no_marks():
    ballots = Ballots([caption_vote("ambiguous", "ann"), caption_vote("ambiguous", "bob")])
    assert ballots.marks() == [] and [vote.item_id for vote in ballots.ambiguous_captions()] == ["9"]


def test_other_marks_are_a_disagreement():
    cast = [caption_vote("wrong", "ann", Span(2, 5, "missed")), caption_vote("wrong", "bob", Span(12, 15, "missed"))]
    assert len(Ballots(cast).disputed()) == 1
    assert Ballots(cast).marks() == []


def test_agreement_is_counted_over_what_both_judged():
    ann = [vote(w, "ann", str(i)) for i, w in enumerate(["right", "wrong", "wrong", "skip", "right"])]
    bob = [vote(w, "bob", str(i)) for i, w in enumerate(["right", "wrong", "right", "right"])]
    ballots = Ballots(ann + bob)
    (pair,) = ballots.pairs(ballots.keys())
    assert (pair.one, pair.other, pair.n, pair.agreed) == ("ann", "bob", 3, 2)
    assert pair.kappa == approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert ballots.fleiss(ballots.keys()) == approx((2 / 3 - 1 / 2) / (1 - 1 / 2))
    assert ballots.pairs([Key("pope", "0", "label", "yes")])[0].n == 1


def test_captions_judged_wrong_by_other_marks_are_no_agreement():
    labels = [vote("right", name, str(i)) for i in range(3) for name in ("ann", "bob")]
    first, last = Span(0, 1, "missed"), Span(12, 15, "missed")
    ballots = Ballots([*labels, caption_vote("wrong", "ann", first), caption_vote("wrong", "bob", last)])
    (pair,) = ballots.pairs(ballots.keys())
    assert (pair.n, pair.agreed) == (3, 3) and ballots.fleiss(ballots.keys()) is None and ballots.alpha(ballots.keys()) is None
    assert ballots.captions_of_several(ballots.keys()) == (1, 0)
    alike = Ballots([caption_vote("wrong", name, first) for name in ("ann", "bob")])
    assert alike.captions_of_several(alike.keys()) == (1, 1) and not alike.pairs(alike.keys())


def test_krippendorffs_alpha_is_over_the_labels_that_at_least_two_judged():
    ann = [vote(w, "ann", str(i)) for i, w in enumerate(["right", "wrong", "wrong", "right"])]
    bob = [vote(w, "bob", str(i)) for i, w in enumerate(["right", "wrong", "right"])]
    ballots = Ballots(ann + bob)
    # 6 judgements, 3 of each kind: 2 of them disagree; by chance 36 - 18 = 18 of 30
    assert ballots.alpha(ballots.keys()) == approx(1 - 5 * 2 / 18)


@pytest.mark.parametrize(("wrong", "says"), [
    (vote("maybe"), "'maybe' is not a valid judgement"),
    (vote("right", " "), "A reviewer needs a name"),
    (vote("right", "a" * 61), "A reviewer needs a name of 1 to 60"),
    (vote("right", "a\nb"), "A reviewer needs a name"),
    (vote("right", comment="x" * 4_001), "The comment has 4,001 characters"),
    (vote("skip", adjudication=True), "a skip settles nothing"),
    (caption_vote("wrong", "ann", Span(3, 3, "missed")), "The mark 'missed' at 3 to 3 is not inside the caption"),
    (caption_vote("wrong", "ann", Span(12, 17, "missed")), "at 12 to 17 is not inside"),
    (caption_vote("wrong", "ann", Span(-1, 2, "missed")), "at -1 to 2 is not inside"),
    (caption_vote("wrong", "ann", Span(0, 2, "spotted")), "The mark 'spotted'"),
])  # fmt: skip
def test_a_vote_that_says_nothing_of_its_case_is_refused(wrong, says):
    with pytest.raises(ConfigError, match=says):
        checked(wrong)


def test_a_vote_at_the_ends_of_what_is_allowed_is_taken():
    whole = caption_vote("wrong", "a" * 60, Span(0, 16, "missed"))
    for good in (whole, vote("undo"), vote("skip"), vote("ambiguous", adjudication=True), vote("right", comment="x" * 4_000)):
        assert checked(good) is good
