"""Which settings arms vary, found in their configurations alone."""

from reports.questions.factors import contexts, differing, factors, flat, levels


def arm(**changes):
    """A flat arm; "__" stands for a dot."""
    plain = {"pairs.name": "bdhs", "pairs.limit": 800, "align.name": "dpo", "align.beta": 0.5, "align.training.epochs": 2}
    return plain | {key.replace("__", "."): value for key, value in changes.items()}


def test_the_name_and_the_seed_of_an_arm_are_no_settings():
    made = flat(
        {"name": "a", "seed": 3, "pairs": {"name": "bdhs", "seed": 1}, "align": {"name": "dpo", "training": {"epochs": 2}}}
    )
    assert made == {"pairs.name": "bdhs", "pairs.seed": 1, "align.name": "dpo", "align.training.epochs": 2}


def test_an_option_that_one_arm_leaves_at_its_default_differs():
    assert differing(arm(), arm(align__loss="ipo")) == {"align.loss"}


def test_another_plug_in_is_one_difference_with_the_options_that_only_it_has():
    assert differing(arm(pairs__rho_th=0.99), arm(pairs__name="povid", pairs__file="povid.json")) == {"pairs"}


def test_an_option_that_both_plug_ins_have_is_a_difference_of_its_own():
    assert differing(arm(), arm(pairs__name="povid", pairs__limit=240)) == {"pairs", "pairs.limit"}


def test_training_settings_are_compared_across_aligners():
    online = arm(align__name="online_dpo", align__training__epochs=1)
    assert differing(arm(), online) == {"align", "align.training.epochs"}


def test_a_grid_has_one_factor_for_each_varied_key_and_a_group_for_each_value_of_the_other():
    arms = [arm(pairs__rho_th=r, align__beta=b) for r in (0.98, 1.0) for b in (0.1, 0.5)]
    rho, beta = sorted(factors(arms), key=lambda f: f.keys, reverse=True)
    assert (rho.keys, rho.groups) == (("pairs.rho_th",), ((0, 2), (1, 3)))
    assert (beta.keys, beta.groups) == (("align.beta",), ((0, 1), (2, 3)))
    assert contexts(rho, arms, ["a", "b", "c", "d"]) == ("beta 0.1", "beta 0.5")


def test_settings_that_change_together_in_every_arm_are_one_factor():
    arms = [arm(), arm(align__loss="ipo", align__beta=0.9), arm(align__loss="slic", align__beta=0.1)]
    (only,) = factors(arms)
    assert set(only.keys) == {"align.loss", "align.beta"} and only.groups == ((0, 1, 2),)


def test_arms_that_differ_in_a_known_factor_and_more_are_not_compared():
    arms = [arm(), arm(align__beta=0.1), arm(align__beta=0.1, pairs__limit=240)]
    assert {f.keys for f in factors(arms)} == {("align.beta",), ("pairs.limit",)}


def test_one_arm_varies_nothing():
    assert factors([arm()]) == []


def test_many_settings_of_several_parts_are_no_factor_but_many_of_the_pairs_are():
    other = arm(pairs__a=1, pairs__b=2, pairs__c=3, pairs__d=4)
    assert len(factors([arm(), other])) == 1
    assert factors([arm(), other | {"align.beta": 0.1}]) == []


def test_levels_of_numbers_rise_and_are_numbers():
    arms = [arm(pairs__limit=n) for n in (800, 80, 240)]
    made = levels(factors(arms)[0], arms, ["a", "b", "c"], [1, 2, 3])
    assert [(level.text, level.number, level.columns) for level in made] == [
        ("80", 80.0, (2,)), ("240", 240.0, (3,)), ("800", 800.0, (1,))
    ]  # fmt: skip


def test_levels_that_are_not_numbers_go_by_the_names_of_their_arms():
    arms = [arm(pairs__guided=False), arm()]
    made = levels(factors(arms)[0], arms, ["mask-only", "guided"], [1, 2])
    assert [(level.text, level.number) for level in made] == [("mask-only", None), ("guided", None)]


def test_levels_of_several_groups_meet_by_their_value():
    arms = [arm(align__name=name, pairs__limit=n) for n in (80, 800) for name in ("dpo", "online_dpo")]
    aligner = next(f for f in factors(arms) if f.keys == ("align",))
    made = levels(aligner, arms, ["a", "b", "c", "d"], [1, 2, 3, 4])
    assert [(level.text, level.columns) for level in made] == [("dpo", (1, 3)), ("online_dpo", (2, 4))]
