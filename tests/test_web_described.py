"""The description of the API holds: whatever is asked by it or against it is answered as it says."""

import warnings
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from test_web_questions import NOW, published
from towns import reasons as town
from towns import web as web_town
from visiting import at_the_machine

from riskwarn.access import roles, visitor_of
from riskwarn.ledger import Actor, Ledger, enter
from riskwarn.web import create_app, policy

load_all_checks()
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
)
CHECKED = [CHECKS.get_one(name) for name in NAMES]
FEW, MANY = 2, 90


@contextmanager
def served(store, now, **names):
    """The application of a store whose nights are in the ledger, asked by one who may do everything; and what there is in it by parameter."""
    with Ledger(store) as ledger:
        enter(ledger)
        items = ledger.items()
    app = create_app(store.path, clock=lambda: now)
    app.state.rates = None
    all_may = replace(
        visitor_of(roles(), Actor("shift_leader", "*", "0" * 16), way="token"),
        permissions=frozenset(roles().permissions),
    )

    async def identify(request):
        return all_may

    newest = app.state.nights.at()
    there = {
        "grid_id": newest.scores["grid_id"].astype(str).tolist()[:4],
        "alert_id": items.loc[items["kind"] == "alert", "source_id"].tolist()[:3],
        "gap_id": items.loc[items["kind"] == "gap", "source_id"].tolist()[:3],
        "item_id": items["item_id"].tolist()[:5],
        "model": [newest.target],
        "target": [newest.target],
        **names,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy, "identify", identify)
        yield at_the_machine(app, raise_server_exceptions=False), {k: v for k, v in there.items() if v}
    app.state.workbench.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A town of three nights, with alerts in their lanes, gaps and a map."""
    store = web_town.build(tmp_path_factory.mktemp("described") / "town")
    nights = [*web_town.NIGHTS]
    with served(store, web_town.NOW, as_of=nights, since=nights, feature=["overdue_open"]) as made:
        yield made


@pytest.fixture(scope="module")
def reasoned(tmp_path_factory):
    """A town with a model, reasons, the rows behind them, and what-ifs."""
    store = published(tmp_path_factory.mktemp("described") / "town")
    nights, feature = [town.YESTERDAY, town.NIGHT], ["dispute_overdue_n", "dispute_open_n"]
    with served(store, NOW, as_of=nights, since=["2025-01-06"], feature=feature, severity=[0, 1]) as made:
        yield made


def operations(client):
    document = client.get("/openapi.json").json()
    document.pop("security")  # who sits at the machine sends no token; who may what is another test's
    found = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    return sorted(found, key=lambda operation: "/stop" in operation.label)  # after a stop no score is shown


def asked(case, client, there, data):
    """The answer to a case, in which now and then a name is one that is there."""
    for held in (case.path_parameters, case.query):
        for name in [n for n in (held or {}) if n in there]:
            if data.draw(st.booleans()):
                held[name] = data.draw(st.sampled_from(there[name]))
    if isinstance(case.body, dict) and data.draw(st.booleans()):
        case.body |= {name: data.draw(value) for name, value in _known(there).items() if name in case.body}
    sent = case.as_transport_kwargs(base_url=str(client.base_url))
    content = {"json": sent["json"]} if "json" in sent else {"content": sent["data"]} if sent.get("data") else {}
    headers = {name: value for name, value in sent["headers"].items() if _goes(name, value)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client, about what a case sends on purpose
        return client.request(sent["method"], sent["url"], params=sent.get("params"), headers=headers, **content)


def _known(there):
    """Members of a body that name something, as it is there."""
    grids = st.sampled_from(there["grid_id"])
    return {
        "grids": st.lists(grids, min_size=1, max_size=3),
        "grid_id": grids,
        "as_of": st.sampled_from(there["as_of"]),
        "target": st.sampled_from(there["target"]),
        "action": st.sampled_from(["acknowledge", "assign", "start", "feedback", "return", "dismiss", "close"]),
        "version": st.integers(1, 3),
        "outcome": st.sampled_from(["", "O1", "O3"]),
        "mode": st.sampled_from(["normal", "urgent", "war"]),
    }


def _goes(name, value):
    return value.isascii() and value.isprintable() and name.lower() not in {"user-agent", "connection"}


def ask_often(operation, client, there, n, seen):
    """Ask one operation so often, half by its description and half against it, and hold each answer to it."""

    @settings(
        max_examples=n,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data):
        mode = data.draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        answer = asked(case, client, there, data)
        seen[operation.label, answer.status_code] += 1
        case.validate_response(answer, checks=CHECKED)

    ask()


def fuzzed(client, there, n_each):
    """Every operation, asked so often; how many answers of each status came."""
    seen = Counter()
    for operation in operations(client):
        ask_often(operation, client, there, n_each, seen)
    return seen


def test_whatever_is_asked_is_answered_as_it_is_described(site):
    """A few cases a route, by the description and against it: no fault of the server, no status or shape that it does not name."""
    seen = fuzzed(*site, FEW)

    assert sum(seen.values()) > 60
    assert {status for _, status in seen} >= {200, 404, 422}


@pytest.mark.slow
@pytest.mark.parametrize("which", ["site", "reasoned"])
def test_thousands_of_cases_are_answered_as_they_are_described(which, request):
    """The same with so many that the two towns make 5,000 and more: no fault, and most routes were answered with what they are for."""
    seen = fuzzed(*request.getfixturevalue(which), MANY)
    good = {label for label, status in seen if status < 300}
    totals = Counter()
    for (_, status), n in seen.items():
        totals[status] += n
    print(which, totals)  # noqa: T201 - shown with -s

    assert sum(seen.values()) >= 2500
    assert {label for label, status in seen if status >= 500} == set()
    assert len(good) > 2 / 3 * len({label for label, _ in seen})
