"""SQL injection tried through the search."""

from ... import effects as fx
from ...builder import Builder
from ...causes import attack
from ...scenario import Scenario, Told

SQL = (
    "/api/pitches/search?q=1%27%20OR%20%271%27=%271%27--",
    "/api/pitches/search?q=%27%20UNION%20SELECT%20username,password%20FROM%20users--",
    "/api/pitches/search?q=1;%20DROP%20TABLE%20pitches;--",
    "/api/pitches/search?q=1%27%20AND%20SLEEP({small})--%20",
    "/api/pitches/search?q=(SELECT%20{id}%20FROM%20pg_sleep({small}))",
)


def steps(b: Builder) -> Told:
    """Run a scanner over the search from four addresses."""
    return attack.injection(
        b,
        urls={"/api/pitches/search": SQL},
        addresses=fx.strangers(b, "sql", 4),
        agents=("sqlmap/1.9.2#stable (https://sqlmap.org)",),
        per_min=b.between("rate", 30, 70),
        blocked=0.35,
        kinds=("sql_injection_attempt",),
    )


RUNBOOKS = ("triage", "security")
SCENARIOS = (
    Scenario(
        name="injection_attack",
        title="SQL injection through the search",
        cause="injection_attack",
        steps=steps,
        runbooks=RUNBOOKS,
    ),
    Scenario(
        name="injection_attack_crawler",
        title="SQL injection while a crawler visits",
        cause="injection_attack",
        steps=steps,
        runbooks=RUNBOOKS,
        beside=("crawler_visit",),
    ),
)
