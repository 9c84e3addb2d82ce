from lifecycle.document.markdown_template import code, table
from lifecycle.problem.purpose import Words
from lifecycle.report.commands import WIDTH, lines, print_text

EVIL = "a|b `c` <script> \x1b[31m"
WORDS = Words(record="patient", positive="illness", negative="healthy", entity="clinic")


def printed(capsys, value="14"):
    rows = table(("name", "base"), [(code("train.max_depth"), code(value)), ("plain", "7")])
    print_text(f"# Model report\n\n**Worse:** by 0.1.\n\n## Params\n\n{rows}\n\nLast {code(value)}.\n")
    return capsys.readouterr().out


def test_text_is_aligned_and_has_no_pictures_or_markup(capsys):
    said = printed(capsys)
    assert [line.split() for line in said.splitlines() if "7" in line or "14" in line] == [
        ["train.max_depth", "14"],
        ["plain", "7"],
        ["Last", "14."],
    ]
    assert len({len(line.rstrip()) for line in said.splitlines() if line.rstrip().endswith((" 14", " 7", "base"))}) == 1
    assert not {"<", "`", "*", "|"} & set(said)


def test_text_holds_no_command_for_the_terminal(capsys):
    said = printed(capsys, EVIL * 20)
    assert "\x1b" not in said
    assert all(len(line) <= WIDTH for line in said.splitlines())


def summary(left_out=0, **intervals):
    figures = {"recall": 0.5, "entity_precision_at_20": 0.25}
    return lines(
        {"test": figures, "baseline": {"amount": 0.1}},
        {"test": intervals},
        {"decision": {"threshold": 0.4, "probability_at_threshold": 0.3, "calibration": "none"}},
        {"split": {"test_rows": 1200, "test_positives": 34, "test_rows_left_out": left_out}},
        WORDS,
    )


def test_the_summary_has_a_line_for_each_figure_with_its_interval_and_what_people_call_it():
    text = summary(recall=[0.4, 0.6])
    assert "recall                   0.5000  0.4000 to 0.6000" in text
    assert "entity_precision_at_20   0.2500  clinic precision@20" in text


def test_the_summary_counts_in_the_problem_s_words_and_tells_what_was_left_out():
    assert "test window: 1,200 patients, 34 of them illnesses" in summary()
    counts = "test window: 1,200 patients, 34 of them illnesses"
    assert f"{counts}; 56 more are left out: their clinic had a known illness by then" in summary(56)
