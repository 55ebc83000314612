"""What the charts of a dashboard have to be, since ROS looks into none of them.

By the vendor's own description of dashboards: https://github.com/aliyun/alibabacloud-aiops-skills, skill
alibabacloud-sls-dashboard, its schema and chart templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

COLUMNS = 24  # of the grid
_NAME, _TITLE = r"[0-9a-z][0-9a-z_-]{0,126}[0-9a-z]", r"[0-9a-z][0-9a-z_-]{0,98}[0-9a-z]"
_KINDS = {"linepro", "tablepro"}  # of those that there are, which ours are of
_KEYS = {
    "": {"title", "type", "action", "search", "display"},
    "search": {"topic", "logstore", "query", "start", "end", "chartQueries"},
    "chartQueries": {"name", "datasource", "project", "logstore", "query", "tokenQuery"},
    "display": {"basicOptions", "xPos", "yPos", "width", "height", "version"},
    "basicOptions": {"displayName", "showTitle", "showBorder", "showBackground", "showTime"},
    "queryOptionMap": {"name", "xAxisKey", "yAxisKeys"},
}


def problems(dashboard: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the computed properties of a dashboard; raises KeyError for what is missing."""
    charts = dashboard["Charts"]
    if not re.fullmatch(_NAME, dashboard["DashboardName"]):
        yield f"the dashboard cannot be named {dashboard['DashboardName']}"
    if len({chart["title"] for chart in charts}) < len(charts):
        yield "two charts have one title"
    for chart in charts:
        for problem in _of_chart(chart):
            yield f"{chart['title']}: {problem}"
    for one, other in combinations(charts, 2):
        if _overlap(one["display"], other["display"]):
            yield f"{one['title']} lies on {other['title']}"


def columns(chart: Mapping[str, Any]) -> list[str]:
    """Return the names of the columns that a chart's query gives."""
    return re.findall(r" AS (\w+)", query(chart))


def query(chart: Mapping[str, Any]) -> str:
    """Return the query of a chart."""
    return str(chart["search"]["chartQueries"][0]["query"])


def _of_chart(chart: Mapping[str, Any]) -> Iterator[str]:
    search, display = chart["search"], chart["display"]
    (asked,) = search["chartQueries"]
    drawn = chart["type"] == "linepro"
    for name, found in (
        ("", chart),
        ("search", search),
        ("chartQueries", asked),
        ("display", {key: value for key, value in display.items() if not (drawn and key == "queryOptionMap")}),
        ("basicOptions", display["basicOptions"]),
    ):
        if found.keys() != _KEYS[name]:
            yield f"{name or 'chart'} has {', '.join(sorted(found.keys() ^ _KEYS[name]))} too much or too little"
    if not re.fullmatch(_TITLE, chart["title"]) or chart["type"] not in _KINDS:
        yield "no title or type"
    if asked["query"] != asked["tokenQuery"] or search["query"] != "@" or asked["datasource"] != "logstore":
        yield "the queries differ"
    if display["version"] != "2" or display["xPos"] + display["width"] > COLUMNS:
        yield "it does not fit"
    if drawn:
        (mapped,) = display["queryOptionMap"].items()
        axes = {"name": asked["name"], "xAxisKey": columns(chart)[0], "yAxisKeys": columns(chart)[1:]}
        if mapped != (asked["name"], axes):
            yield "what is drawn is not what the query gives"


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(
        one[place] < other[place] + other[size] and other[place] < one[place] + one[size]
        for place, size in (("xPos", "width"), ("yPos", "height"))
    )
