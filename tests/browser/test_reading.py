"""Can everybody read and reach it? Keyboard, names for screen readers, contrast in both themes of JupyterLab."""

import pytest

from tests.browser import lab
from tests.browser.opened import first_stack

pytestmark = pytest.mark.browser
# Each view: its lesson, and a control that a click on its label gives the focus to.
VIEWS = {
    "Similarity explorer": ("lesson_13", "Row"),
    "Class center laboratory": ("lesson_14", "Radius of the brush"),
    "Attention viewer": ("lesson_14", "Row"),
}
THEMES = ("JupyterLab Dark", "JupyterLab Light")
CONTROLS = "button, select, input, [tabindex]"
NAME = "(e.ariaLabel || (e.labels && e.labels[0] || e).textContent).trim()"
SHOWN_NAMES = f"(all) => all.filter((e) => e.checkVisibility()).map((e) => {NAME})"
ENABLED_NAMES = f"(all) => all.filter((e) => e.checkVisibility() && !e.disabled).map((e) => {NAME})"
# The contrast of each text with what lies behind it, after WCAG 2: (lighter + 0.05) / (darker + 0.05).
CONTRASTS = """(root) => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (color) => {
    const [r, g, b] = numbers(color).slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const [, , , alpha = 1] = numbers(getComputedStyle(e).backgroundColor);
      if (alpha === 1) return getComputedStyle(e).backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const e of root.querySelectorAll("*")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const onPicture = e.closest(".acf-stack"); // white with a black rim
    if (!own || !e.checkVisibility() || e.disabled || onPicture || e.tagName === "OPTION") continue;
    const style = getComputedStyle(e);
    const front = e instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(front), light(behind(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), e.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(params=VIEWS)
def view(request):
    """A view: its lesson, its root, and the label to start at."""
    lesson, label = VIEWS[request.param]
    opened = request.getfixturevalue(lesson)
    yield opened, opened.widget(request.param), label
    assert opened.complaints() == []


def test_everything_can_be_reached_by_tab(view):
    """From any control, Tab and Shift+Tab come to all others, in the order in which they stand."""
    opened, widget, label = view
    names = widget.locator(CONTROLS).evaluate_all(ENABLED_NAMES)
    start = names.index(label)
    for key, expected in (("Tab", names[start + 1 :]), ("Shift+Tab", names[:start][::-1])):
        opened.focus(widget, label)
        seen = []
        for _ in expected:
            opened.page.keyboard.press(key)
            seen.append(opened.page.evaluate(f"() => {{ const e = document.activeElement; return {NAME}; }}"))
        assert seen == expected


def test_every_control_has_a_name_of_its_own(view):
    _, widget, _ = view
    names = widget.locator(CONTROLS).evaluate_all(SHOWN_NAMES)
    assert len(names) > 4 and all(names) and len(set(names)) == len(names)
    roles = "(all) => all.map((e) => [e.getAttribute('role'), e.ariaLabel])"
    pictures = widget.locator("canvas:not([aria-hidden])").evaluate_all(roles)
    assert pictures and all(role == "img" and label for role, label in pictures)
    assert widget.locator("[role=status]").count() == widget.locator("[role=alert]").count() == 1


def test_the_state_is_spoken(view):
    """The line that screen readers read says what the last action did."""
    opened, widget, _ = view
    opened.click(widget, first_stack(widget), (100, 30))
    assert "row 100, column 30" in widget.locator("[role=status][aria-live=polite]").inner_text()


@pytest.mark.parametrize("lesson", ["lesson_13", "lesson_14"])
def test_texts_are_readable_in_both_themes(lesson, request):
    """At least 4.5 to 1, as WCAG 2 asks for (AA)."""
    opened = request.getfixturevalue(lesson)
    for theme in THEMES:
        lab.set_theme(opened.page, theme)
        for name in (name for name, (where, _) in VIEWS.items() if where == lesson):
            contrasts = opened.widget(name).evaluate(CONTRASTS)
            assert len(contrasts) > 30 and min(contrasts)[0] >= 4.5, (theme, name, min(contrasts))
    assert opened.complaints() == []
