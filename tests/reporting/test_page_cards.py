"""A paper's card: outcomes of its claims, runs in groups, figures within a budget."""

import pytest
from report_example import METRIC, Example, write_paper, write_png

from cai_keras.reporting import page_cards
from cai_keras.reporting.page_cards import FigureText, paper_cards


@pytest.fixture
def example(tmp_path):
    return Example(tmp_path / "runs", [write_paper(tmp_path)])


@pytest.fixture
def run(make_record):
    def make(variant="method", seed=0, **changes):
        name = changes.pop("run_name", variant)
        fields = {"variant": variant, "run_name": name, "seed": seed, **changes}
        return make_record({METRIC: 70.0 + seed}, **fields)

    return make


@pytest.fixture
def card(example):
    """Function without arguments: the card of the example's paper as it is now."""

    def make():
        (found,) = paper_cards(
            example.rows(), example.papers, example.runs(), example.output
        )
        return found

    return make


def test_a_claim_says_what_it_demands_and_what_became_of_it(example, run, card):
    example.add(run(seed=0))
    example.add(run(seed=1))

    number, effect = card().claims

    assert number.demand == "method: 90 ± 1"
    assert number.metric == "test/accuracy_percent, higher is better"
    (outcome,) = number.outcomes
    assert (outcome.verdict, outcome.count) == ("reduced protocol", 2)
    assert effect.demand == "method better than plain by more than 5; published +7.5"
    assert [outcome.verdict for outcome in effect.outcomes] == ["not run"]


def test_verdicts_are_counted_and_those_on_stand_in_data_apart(example, run, card):
    example.add(run())
    example.add(run("plain"))

    found = card()

    # One seed: the effect has no interval.
    assert found.verdicts == [("inconclusive", 1), ("reduced protocol", 1)]
    assert found.on_stand_in == 2


def test_groups_are_the_full_protocol_first_and_stand_ins_last(example, run, card):
    example.add(run(run_name="a"))
    example.add(run(run_name="b", data="cifar10", stand_in=False))
    example.add(run(run_name="c", data="cifar10", stand_in=False, scale="paper"))
    example.add(run(run_name="d", data="failing", state="failed"))
    example.add(run(run_name="e", data="wiring", scale="smoke"))

    assert [(group.scale, group.data) for group in card().groups] == [
        ("paper", "cifar10"),
        ("small", "cifar10"),
        ("small", "glyphs (stand-in)"),
    ]


def test_lines_have_the_same_key_in_every_group_and_changed_runs_their_own(
    example, run, card
):
    curve = "1,validation/a,1\n2,validation/a,2\n"
    example.add(run("plain"), curve)
    example.add(run("method", run_name="m", data="digits"), curve)
    example.add(run("plain", run_name="p", data="digits"), curve)
    example.add(run("method", run_name="s", overrides=["train.steps=5"]), curve)

    digits, glyphs = card().groups

    assert digits.legend == [(1, "method"), (2, "plain")]
    assert glyphs.legend == [(2, "plain"), (3, "method [train.steps=5]")]


def test_figures_over_all_runs_come_before_those_of_each_variants_first_run(
    example, run, card
):
    shared = example.output / "some_paper/small/figures/glyphs"
    write_png(shared / "accuracies.png")
    for variant in ("plain", "method"):
        for seed in (0, 1):
            folder = example.add(run(variant, seed))
            write_png(folder.figures / "trials.png")
    write_png(folder.figures / "filters.png")  # of method's second run only

    (group,) = card().groups

    assert [(p.title, p.caption) for p in group.shared] == [
        ("accuracies", "all variants")
    ]
    assert [(p.title, p.caption) for p in group.single] == [
        ("trials", "method, seed 0"),
        ("trials", "plain, seed 0"),
    ]
    assert group.unshown == 0


def test_figures_stand_in_the_papers_order_with_what_its_file_says(example, run, card):
    folder = example.add(run())
    for name in ("older", "trials"):
        write_png(folder.figures / f"{name}.png")
    write_png(example.output / "some_paper/small/figures/glyphs/accuracies.png")

    assert card().figures == [
        FigureText("trials", "What was asked, and the answers.", "Ours: the task"),
        FigureText("accuracies", "Bars, one for each method.", "After Table 2"),
        FigureText("older"),  # no longer in the paper's file
    ]


def test_figures_beyond_the_budget_are_counted(example, run, card, monkeypatch):
    folder = example.add(run())
    paths = [write_png(folder.figures / f"{name}.png") for name in "abcd"]
    size = len(card().groups[0].single[0].uri)
    assert all(path.stat().st_size == paths[0].stat().st_size for path in paths)
    monkeypatch.setattr(page_cards, "_GROUP_BYTES", 2 * size)

    (group,) = card().groups

    assert [picture.title for picture in group.single] == ["a", "b"]
    assert group.unshown == 2


def test_two_copies_of_a_data_set_share_its_figures_once(example, run, card):
    write_png(example.output / "some_paper/small/figures/glyphs/accuracies.png")
    first = run()
    other = first.dataset.model_copy(update={"spec": "folder:glyphs"})
    example.add(first)
    example.add(run(seed=0, run_name="method@folder", dataset=other))

    groups = card().groups

    assert [group.data for group in groups] == [
        "glyphs from embedded (stand-in)",
        "glyphs from folder (stand-in)",
    ]
    assert [len(group.shared) for group in groups] == [1, 0]


def test_a_damaged_figure_is_named_and_the_others_are_shown(example, run, card):
    folder = example.add(run())
    write_png(folder.figures / "a.png")
    (folder.figures / "b.png").write_bytes(b"no picture")

    (group,) = card().groups

    assert [picture.title for picture in group.single] == ["a"]
    assert group.notes == ["b.png: not a readable picture (method, seed 0)"]


def test_a_data_set_whose_name_is_no_folder_has_no_shared_figures(example, run, card):
    example.add(run(data="a\0b"))

    (group,) = card().groups

    assert group.shared == []


def test_groups_share_the_budget_and_what_one_leaves_is_for_the_next(
    example, run, card, monkeypatch
):
    few = example.add(run())
    many = example.add(run(run_name="method@letters", data="letters"))
    write_png(few.figures / "a.png")
    for name in "abcd":
        write_png(many.figures / f"{name}.png")
    size = len(card().groups[0].single[0].uri)
    monkeypatch.setattr(page_cards, "_GROUP_BYTES", 2 * size)

    first, second = card().groups

    # Two for each group; the first needs one, so that the second has three.
    assert (len(first.single), first.unshown) == (1, 0)
    assert (len(second.single), second.unshown) == (3, 1)


def test_pictures_stand_in_the_order_of_variants_whatever_was_changed(
    example, run, card
):
    runs = [
        run("plain"),
        run(run_name="method@changed", overrides=["data.side=3"]),
    ]
    for record in runs:
        write_png(example.add(record).figures / "a.png")

    (group,) = card().groups

    # The paper names `method` before `plain`.
    assert [picture.caption for picture in group.single] == [
        "method [data.side=3], seed 0", "plain, seed 0",
    ]  # fmt: skip


def test_shared_figures_are_kept_in_the_papers_order(example, run, card, monkeypatch):
    example.add(run())
    folder = example.output / "some_paper/small/figures/glyphs"
    for name in ("aardvark", "accuracies"):  # the paper's file names the second
        write_png(folder / f"{name}.png")
    monkeypatch.setattr(page_cards, "_GROUP_BYTES", len(card().groups[0].shared[0].uri))

    (group,) = card().groups

    assert [picture.title for picture in group.shared] == ["accuracies"]
    assert group.unshown == 1
