"""Pages stand for others where these have nothing that they don't have."""

from __future__ import annotations

import pytest

from tests.support.alike_pages import Sample, stops_of

PAGE = """<body><header><a href="/">Home</a></header><main class="frame"><h1>Weather</h1>
<ul><li id="a"><a href="/1">One</a></li></ul><input name="name" value="x" required></main></body>"""
MORE_ROWS = '<li id="b"><a href="/2">Two</a></li>\n  <li id="c"><a href="/3">Three</a></li></ul>'


@pytest.mark.parametrize(
    ("former", "new"),
    [
        ("Weather", "A print shop"),
        ('value="x"', 'value=""'),
        ("/1", "/another"),
        ("</ul>", MORE_ROWS),
        ("required>", "required/>"),
    ],
)
def test_a_page_of_other_words_is_alike(former: str, new: str) -> None:
    sample = Sample()
    assert sample.takes(PAGE)
    assert not sample.takes(PAGE.replace(former, new))


@pytest.mark.parametrize(
    ("former", "new"),
    [
        ("<h1>Weather</h1>", "<h1></h1>"),
        ("</h1>", "</h1><h3>Today</h3>"),
        ('class="frame"', 'class="wide"'),
        ("required", "disabled"),
        ("required", 'required aria-invalid="true"'),
        ("<header>", "<header><button>Log out</button>"),
        ("</body>", "<footer></footer></body>"),
        ("</ul>", '<li><a href="/2">Two</a> <b>new</b></li></ul>'),
    ],
)
def test_a_page_that_is_built_in_another_way_is_not(former: str, new: str) -> None:
    sample = Sample()
    assert sample.takes(PAGE)
    assert sample.takes(PAGE.replace(former, new))
    assert not sample.takes(PAGE.replace(former, new))


def test_what_another_sample_has_is_not_new() -> None:
    wide = Sample()
    narrow = Sample(other=wide)
    assert wide.takes(PAGE)
    assert not narrow.takes(PAGE)
    assert narrow.takes(PAGE.replace("<h1>", "<h1><b>Hot</b>"))
    assert wide.takes(PAGE.replace("<h1>", "<h1><b>Hot</b>"))


@pytest.mark.parametrize(
    ("former", "new", "takes"),
    [
        ("</h1>", "</h1><h3>Today</h3><p>Rain</p><img src=rain>", False),
        ('name="name"', 'name="other" maxlength="9"', False),
        ("</ul>", '<li><span tabindex="0">Two</span></li></ul>', True),
        ("</ul>", "<li><button>Two</button></li></ul>", True),
        ("<ul>", '<ul class="dark">', True),
        ("<input", '<input type="date"', True),
    ],
)
def test_the_keyboard_has_to_go_where_what_it_reaches_is_another(former: str, new: str, takes: bool) -> None:
    sample = Sample(read=stops_of)
    assert sample.takes(PAGE)
    assert sample.takes(PAGE.replace(former, new)) is takes


def test_few_pages_are_chosen_that_have_every_piece() -> None:
    pages = {"plain": PAGE, "with more": PAGE.replace("<ul>", "<p><b>Rain</b></p><ul>"), "again": PAGE}
    sample = Sample()
    assert sample.choose(pages) == ["with more"]
    assert sample.choose(pages) == []


def test_a_field_of_its_own_kind_is_new_in_a_large_form() -> None:
    fields = "".join(f'<p class="field {number}"><label>Name</label><input name="a"></p>' for number in range(9))
    form = PAGE.replace("<ul>", f"<form>{fields}</form><ul>")
    sample = Sample()
    assert sample.takes(form)
    assert not sample.takes(form.replace('name="a"', 'name="b"'))
    assert sample.takes(form.replace("</form>", '<p class="field 0"><input name="a"></p></form>'))
