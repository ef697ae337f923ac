"""BDHS does what Algorithm 1 says, and every draw depends on the seed alone."""

from collections import Counter

import pytest

from alignment.data.pairs import to_json
from alignment.sources.bdhs import Bdhs
from harness.core.errors import ConfigError, DataError, ImageError
from harness.core.evaluation import HiddenImage, Request
from tests.alignment.scripted import ScriptedModel, break_image_of, write_prompts

CAT = "A cat sleeps on a mat. There is a red dog beside it."


def bird(request: Request) -> str:
    """Ends every sentence with the same invented thing."""
    return " with one blue bird and several yellow lamps."


def nothing_new(request: Request) -> str:
    """Rejoins the chosen answer exactly, except when free."""
    rest = CAT[len(request.prefix) :]
    return rest.split(".")[0] + "." if request.decoding.stop else "A free answer about a horse."


def build(tmp_path, say, answers=(CAT,), nouns="", seed=0, **options):
    model, source = ScriptedModel(say), Bdhs(**options)
    return list(source.pairs(write_prompts(tmp_path, answers, nouns), model, seed)), source.report(), model


def test_a_sentence_is_finished_after_the_clean_sentences_before_it(tmp_path):
    _, _, model = build(tmp_path, bird)
    first, second = model.calls[0]
    assert CAT.startswith(first.prefix)
    assert second.prefix.startswith("A cat sleeps on a mat.")
    assert CAT.startswith(second.prefix)


def test_the_pair_is_heads_plus_completions(tmp_path):
    (pair,), _, model = build(tmp_path, bird)
    first, second = (r.prefix for r in model.calls[0])
    tail = second.removeprefix("A cat sleeps on a mat.").strip()
    assert pair.rejected == (f"{first}{bird(None)}".strip() + f" {tail}{bird(None)}".replace("  ", " "),)
    assert (pair.chosen, pair.prompt, pair.source) == (CAT, "Describe it.", "bdhs")


def test_a_reasoning_is_no_part_of_a_rejected_answer(tmp_path):
    (pair,), _, _ = build(tmp_path, lambda r: "<think>no bird</think>A blue bird.", guided=False)
    assert pair.rejected == ("A blue bird.",)
    pairs, report, _ = build(tmp_path, lambda r: "<think>Is it a bird.")
    reason = "the model reasons instead of answering (set model.enable_thinking=false)"
    assert pairs == [] and report["dropped"] == {reason: 1}
    one = lambda r: "<think>Is it." if "mat." in r.prefix else " bird."  # noqa: E731
    assert build(tmp_path, one, n_tries=1)[1]["dropped"] == {reason: 1}  # of one sentence alone too


def test_sentences_stop_at_a_full_stop_and_share_one_mask(tmp_path):
    _, _, model = build(tmp_path, bird, (CAT, CAT + " It is late."))
    assert all(r.decoding.stop == (".",) for r in model.calls[0])
    masks = [r.hidden_image for r in model.calls[0]]
    assert Counter(masks).most_common()[0][1] == 3  # the second answer has three sentences
    assert len(set(masks)) == 2
    assert masks[0].share == 0.99


def test_the_noise_variant_shows_all_tokens_of_a_noisy_image(tmp_path):
    _, report, model = build(tmp_path, bird, rho_th=0, noise_steps=500)
    first, second = model.calls[0]
    assert first.hidden_image is None
    assert first.noise == second.noise and first.noise.steps == 500  # one draw a try
    _, _, again = build(tmp_path, nothing_new, rho_th=0, noise_steps=500)
    assert len({call[0].noise.seed for call in again.calls}) == 5
    assert report["options"]["noise_steps"] == 500
    assert build(tmp_path, bird)[2].calls[0][0].noise is None
    assert build(tmp_path, bird, noise_steps=1)[2].calls[0][0].noise.steps == 1
    with pytest.raises(ConfigError, match="noise_steps"):
        Bdhs(noise_steps=-1)


def test_every_try_of_all_prompts_is_one_call(tmp_path):
    _, _, model = build(tmp_path, nothing_new, (CAT, CAT))
    assert [len(call) for call in model.calls] == [4, 4, 4, 4, 2]


def test_the_last_try_is_free_and_taken_as_it_comes(tmp_path):
    (pair,), report, model = build(tmp_path, nothing_new)
    free = model.calls[-1][0]
    assert (free.prefix, free.decoding.stop) == ("", ())
    assert pair.rejected == ("A free answer about a horse.",)
    assert (pair.meta["tries"], pair.meta["free"], report["free_last_tries"]) == (5, True, 1)


def test_a_single_try_is_taken_as_it_comes_and_is_guided(tmp_path):
    """Algorithm 1 with N = 1: its loop ends after one pass, whatever the similarity."""
    (pair,), _, model = build(tmp_path, bird, n_tries=1, epsilon_s=0.01)
    assert pair.meta["similarity"] > 0.01 and not pair.meta["free"] and model.calls[0][0].decoding.stop == (".",)
    assert build(tmp_path, bird, n_tries=1, epsilon_s=0.01, free_last_try=False)[1]["dropped"] == {"too similar": 1}


@pytest.mark.parametrize(("epsilon_s", "calls"), [(0.5, 2), (0.51, 1)])
def test_an_answer_exactly_as_similar_as_epsilon_s_is_drawn_again(tmp_path, epsilon_s, calls):
    """Algorithm 1 accepts below it. One of two words differs: the cosine is one half."""
    _, _, model = build(tmp_path, lambda r: "cat bird.", ("cat dog.",), guided=False, epsilon_s=epsilon_s, n_tries=2)
    assert len(model.calls) == calls


@pytest.mark.parametrize("options", [{"guided": False}, {"free_last_try": False, "n_tries": 2}, {"n_tries": 1}])
def test_free_last_tries_are_counted_only_where_the_last_try_is_freer_than_the_others(tmp_path, options):
    assert "free_last_tries" not in build(tmp_path, bird, **options)[1]


def test_a_retry_has_another_mask_and_other_cuts(tmp_path):
    _, _, model = build(tmp_path, nothing_new, n_tries=40)
    assert len({call[0].hidden_image for call in model.calls}) == 40
    assert len({call[0].prefix for call in model.calls}) > 3


def test_whether_yes_becomes_no_is_drawn_anew_in_every_try(tmp_path):
    """Algorithm 1, lines 11-13, stand inside its loop."""
    said = "Yes, a cat sleeps on the mat"
    _, _, model = build(tmp_path, lambda r: said + ".", (said + ".",), n_tries=40, epsilon_s=0.01, free_last_try=False)
    openings = Counter(call[0].prefix.partition(",")[0] for call in model.calls if call[0].prefix)
    assert openings.keys() == {"Yes", "No"} and min(openings.values()) > 8


def test_without_a_free_last_try_a_rephrasing_is_dropped_and_counted(tmp_path):
    pairs, report, _ = build(tmp_path, nothing_new, free_last_try=False)
    assert (pairs, report["accepted"], report["dropped"]) == ([], 0, {"identical answers": 1})


def test_rho_zero_hides_nothing_and_unguided_asks_for_whole_answers(tmp_path):
    _, _, model = build(tmp_path, bird, rho_th=0.0, guided=False)
    assert [(r.hidden_image, r.prefix) for r in model.calls[0]] == [(None, "")]
    _, _, model = build(tmp_path, bird, rho_th=1.0)
    assert model.calls[0][0].hidden_image == HiddenImage(1.0, model.calls[0][0].hidden_image.seed)


def test_a_pair_does_not_depend_on_its_neighbours_or_the_batching(tmp_path):
    say = lambda r: f" item {r.decoding.seed % 97} by {r.hidden_image.seed % 89}."  # noqa: E731
    model = ScriptedModel(say, at_once=1)
    both = list(Bdhs().pairs(write_prompts(tmp_path / "b", (CAT, CAT)), model, 3))
    alone, _, _ = build(tmp_path / "a", say, (CAT,), seed=3)
    assert to_json(both[0]) == to_json(alone[0])
    assert both[0].rejected != both[1].rejected


def test_every_prompt_draft_try_and_sentence_has_draws_of_its_own(tmp_path):
    """The same answer eight times: a seed without one of them would draw the same for all."""
    _, _, model = build(tmp_path, nothing_new, (CAT,) * 8, n_rejected=2, n_tries=2)
    guided, free = model.calls
    assert len({r.decoding.seed for r in (*guided, *free)}) == 8 * 2 * 2 + 8 * 2
    assert len({r.hidden_image.seed for r in (*guided, *free)}) == 2 * 8 * 2  # a mask for each draft and try
    alike = [(guided[2 * i].prefix, guided[2 * i + 1].prefix) for i in range(8)]
    assert len(set(alike)) > 4
    other = build(tmp_path / "other", nothing_new, (CAT,), n_tries=2, seed=1)[2].calls[-1][0]
    assert other.decoding.seed not in {r.decoding.seed for r in free}


def test_the_last_of_two_tries_is_free(tmp_path):
    (pair,), _, model = build(tmp_path, nothing_new, n_tries=2)
    assert [[r.decoding.stop for r in call] for call in model.calls] == [[(".",), (".",)], [()]] and pair.meta["free"]


def test_another_seed_draws_other_cuts(tmp_path):
    prefixes = {build(tmp_path, bird, seed=s)[2].calls[0][1].prefix for s in range(8)}
    assert len(prefixes) > 1


def test_matched_keeps_only_pairs_with_as_many_mentions(tmp_path):
    nouns = "cat\ndog\nmat\nbird\nlamp"
    options = {"n_tries": 3, "free_last_try": False, "matched": {"mentions": 0, "length": 0.5}}
    pairs, report, _ = build(tmp_path, bird, nouns=nouns, **options)
    assert pairs == []
    assert report["dropped"] == {"unmatched": 1}
    pairs, report, _ = build(tmp_path, bird, nouns=nouns, keep_unmatched=True, **options)
    assert report["sides"]["mentions"]["chosen"] == 3


def test_matching_by_sentence_draws_only_the_unfit_ones_again(tmp_path):
    def say(request: Request) -> str:  # the first sentence always fits, the second one never does
        return " sees several lamps and a bird and a mat." if "mat." in request.prefix else " bird on a bird."

    options = {"matched": {"mentions": 1, "length": 9.0, "unit": "sentence"}, "free_last_try": False}
    _, _, model = build(tmp_path, say, nouns="cat\ndog\nmat\nbird\nlamp", **options)
    assert [len(call) for call in model.calls] == [2, 1, 1, 1, 1]


def test_the_yield_report_counts_what_was_asked_and_how_sides_compare(tmp_path):
    _, report, _ = build(tmp_path, bird, (CAT, CAT), nouns="cat\ndog\nmat\nbird\nlamp")
    assert (report["asked"], report["accepted"], report["dropped"]) == (2, 2, {})
    assert report["tries"] == {"1": 2}
    assert sum(report["similarity"]["histogram"]) == 2
    assert report["sides"]["words"]["chosen"] == 13
    assert report["options"]["rho_th"] == 0.99
    assert report["examples"] == ["0", "1"]


def test_several_rejected_answers_share_a_pair(tmp_path):
    say = lambda r: f" item {r.decoding.seed}."  # noqa: E731
    (pair,), _, _ = build(tmp_path, say, n_rejected=3)
    assert len(set(pair.rejected)) == 3


def test_a_missing_image_is_dropped_before_anything_is_asked(tmp_path):
    data = write_prompts(tmp_path, (CAT, CAT))
    break_image_of(data, "1", bird)
    (data.folder / "images" / "broken.png").unlink()
    source, model = Bdhs(), ScriptedModel(bird)
    assert [pair.id for pair in source.pairs(data, model, 0)] == ["0"]
    assert source.report()["dropped"] == {"missing image": 1}
    assert all(request.image == data.folder / "images" / "a.png" for call in model.calls for request in call)


def test_an_unreadable_image_costs_its_own_prompts_and_moves_no_other_pair(tmp_path):
    data = write_prompts(tmp_path, (CAT, CAT, CAT))
    whole = list(Bdhs().pairs(data, ScriptedModel(bird), 0))
    say, source = break_image_of(data, "1", bird), Bdhs(n_rejected=2)
    assert [p.id for p in source.pairs(data, ScriptedModel(say), 0)] == ["0", "2"]
    report = source.report()
    assert (report["asked"], report["accepted"], report["dropped"]) == (3, 2, {"unreadable image": 1})
    assert list(Bdhs().pairs(data, ScriptedModel(say), 0)) == [whole[0], whole[2]]


def test_an_unreadable_image_that_is_no_prompts_is_not_hidden(tmp_path):
    def elsewhere(request: Request) -> str:
        raise ImageError(tmp_path / "other.png", "cannot be read.")

    with pytest.raises(ImageError, match="other.png"):
        list(Bdhs().pairs(write_prompts(tmp_path, (CAT,)), ScriptedModel(elsewhere), 0))


def test_faulty_prompt_rows_are_named(tmp_path):
    data = write_prompts(tmp_path, (CAT,))
    (tmp_path / "instruct" / "preference_prompts.json").write_text('[{"id": "x", "conversations": []}]')
    with pytest.raises(DataError, match=r"row 1 \(x\)"):
        list(Bdhs().pairs(data, ScriptedModel(bird), 0))


def test_what_the_paper_leaves_open_of_the_mask_is_an_option(tmp_path):
    first = build(tmp_path, bird)[2].calls[0][0].hidden_image
    assert (first.positions, first.newlines) == ("kept", "counted")
    other = build(tmp_path, bird, hidden_positions="closed", newline_tokens="shown")[2].calls[0][0].hidden_image
    assert (other.positions, other.newlines, other.seed) == ("closed", "shown", first.seed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cut_unit": "wrod"},
        {"cut_unit": "token"},
        {"hidden_positions": "x"},
        {"newline_tokens": "x"},
        {"splitter": "x"},
        {"rho_th": 2},
        {"n_tries": 0},
        {"matched": {"noun": 1}},
    ],
)
def test_wrong_options_are_refused(wrong):
    with pytest.raises(ConfigError):
        Bdhs(**wrong)
