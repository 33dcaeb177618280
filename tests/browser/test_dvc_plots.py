"""DVC's page of plots where the library that draws its curves cannot be had."""

import json
from pathlib import Path

import artpipe

PAGE = Path(artpipe.__file__).parent / "starters/dvc/plots/page.html"


def test_curves_are_drawn_without_a_network(browser, tmp_path):
    """One picture for each curve and one line for each revision, its ends where they belong."""
    curves = {"losses/a": [(0, 4.0), (100, 2.0)], "validation/b": [(0, 1.0), (50, 3.0), (100, 2.0)]}
    rows = [
        {"curve": curve, "step": step, "value": value + shift, "rev": rev}
        for rev, shift in (("main", 0.0), ("workspace", 1.0))
        for curve, points in curves.items()
        for step, value in points
    ]
    spec = json.loads((PAGE.parent / "curves.json").read_text())
    spec["data"]["values"] = rows
    x, y = ({"field": field} for field in ("step", "value"))
    spec["spec"]["encoding"] |= {"x": x, "y": y}
    plot = f"<div id='curves'><script>vegaEmbed('#curves', {json.dumps(spec)});</script></div>"
    text = PAGE.read_text().replace("{scripts}", "").replace("{refresh_tag}", "").replace("{plot_divs}", plot)
    (tmp_path / "index.html").write_text(text)
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((tmp_path / "index.html").as_uri())
    names = page.eval_on_selector_all("svg", "all => all.map(one => one.getAttribute('aria-label'))")
    lines = page.eval_on_selector_all("svg polyline", "all => all.map(one => one.getAttribute('points'))")
    page.close()
    assert complaints == []
    assert names == ["validation/b", "losses/a"]
    assert len(lines) == 4
    assert lines[2] == "60,70 350,150"  # of losses/a on main: 4 and 2 in a range from 2 to 5
