"""The register: what was forecast is sealed at once, and nobody can say afterwards that it was something else."""

import json

import pandas as pd
import pytest
import towns

from riskwarn import register, tracking
from riskwarn.cli import main
from riskwarn.errors import DataError, NotFoundError
from riskwarn.pipeline import nightly
from riskwarn.store.parquet import plain_arrow, write_table


def run(store, as_of=towns.STREET_NIGHT, **changes):
    return nightly(store, towns.TARGET, **{"as_of": as_of, "alias": tracking.CANDIDATE, "capacity": 4, **changes})


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A street with two nights, both sealed."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("register") / "street")
    run(store, "2025-12-14")
    run(store)
    return store


@pytest.fixture
def street(sealed, tmp_path):
    """A copy of it to tamper with."""
    return towns.copy(sealed, tmp_path / "street")


def test_a_night_is_sealed_as_it_is_published(sealed):
    """One line a night, each with the hash of the line before; what was sealed is the list and every grid's forecast."""
    first, second = register.seals(sealed)
    night = sealed.night(towns.STREET_NIGHT)
    content = register.sealed_content(sealed, second)
    scores = night.table("scores").set_index("grid_id")
    forecasts = content[content["lane"] == ""].set_index("grid_id")

    assert (first.before, second.before) == (register.FIRST, first.hash)
    assert (second.as_of, second.run) == (night.as_of.isoformat(), night.run)
    assert second.n_forecasts == len(scores) == 12
    assert second.n_listed == len(" ".join(night.table("alerts")["grid_ids"]).split())
    pd.testing.assert_series_equal(
        forecasts["expected"].sort_index(), scores["expected"].sort_index(), check_names=False, check_index_type=False
    )
    assert second.models[towns.TARGET]["version"] == night.facts["model_version"]
    assert second.models[towns.TARGET]["days"] == 14
    assert register.verify(sealed).faults == ()


def test_sealing_twice_is_sealing_once(street):
    """A night that is asked for again has its line already."""
    before = register.seals(street)

    assert register.seal_missing(street) == []
    assert run(street).done_before
    assert register.seals(street) == before


def test_a_night_that_was_not_sealed_is_sealed_by_the_next_job(street):
    """A job that was killed between publishing and sealing: the next one makes up for it."""
    log = street.path / register.FOLDER / register.LOG
    log.write_text(log.read_text().splitlines()[0] + "\n")
    run(street)

    assert [seal.as_of[:10] for seal in register.seals(street)] == ["2025-12-14", "2025-12-15"]


def test_a_past_night_is_not_prospective(sealed):
    """These nights were made long after: no forecast of theirs counts as one."""
    lines = register.seals(sealed)

    assert min(line.hours_late for line in lines) > register.WITHIN_HOURS
    assert not any(register.is_prospective(line, lines) for line in lines)


@pytest.mark.parametrize(("late", "prospective"), [(-1, True), (4, True), (24, True), (25, False)])
def test_prospective_is_told_by_the_clock(sealed, late, prospective):
    """A seal within a day of its night speaks for what was to come, a later one does not."""
    line = moved(register.seals(sealed)[0], hours=late)

    assert line.hours_late == late
    assert register.is_prospective(line, [line]) is prospective


def test_a_night_made_again_is_not_prospective(sealed):
    """The first run that was sealed for a night is its forecast, whichever run holds later: nobody replaces a bad list by a good one."""
    first = moved(register.seals(sealed)[0], hours=4)
    again = moved(first, hours=6, n=2, run="another")

    assert [register.is_prospective(line, [first, again]) for line in (first, again)] == [True, False]


def moved(line, *, hours, **changes):
    """The same line, sealed so many hours after its night."""
    at = pd.Timestamp(line.as_of) + pd.Timedelta(hours=hours)
    return register.Seal(**{**vars(line), "sealed_at": at.isoformat(), **changes})


def lines_of(store):
    return [json.loads(line) for line in (store.path / register.FOLDER / register.LOG).read_text().splitlines()]


def write_lines(store, lines):
    (store.path / register.FOLDER / register.LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda ls: [{**ls[0], "digest": "0" * 64}, ls[1]], "line 1 .* does not follow"),
        (lambda ls: [{**ls[0], "sealed_at": "2025-12-14T00:10:00+08:00"}, ls[1]], "line 1 .* does not follow"),
        (lambda ls: [ls[0], {**ls[1], "as_of": "some night"}], "line 2 .* does not follow"),
        (lambda ls: [ls[0], {**ls[1], "as_of": None, "signed": 7}], "line 2 .* does not follow"),
        (lambda ls: ls[1:], "line 1 .* does not follow"),
        (lambda ls: ls[::-1], "line 1 .* does not follow"),
        (lambda ls: [{**ls[0], "signed": "f" * 64}, ls[1]], "line 1 .* not signed"),
        (lambda ls: [{**ls[0], "signed": "\ud800"}, ls[1]], "line 1 .* not signed"),
    ],
    ids=["digest", "time", "night", "no words", "taken away", "order", "signature", "no letter"],
)
def test_a_line_that_was_changed_is_told(street, tamper, said):
    """Whatever of a line is changed, whichever line goes, the chain shows it."""
    write_lines(street, tamper(lines_of(street)))

    assert any(pd.Series(register.verify(street).faults).str.contains(said))


def test_a_line_without_a_night_is_read_by_no_job(street):
    """A night asked for says which line cannot be read, and how it is mended, before anything is computed."""
    first, second = lines_of(street)
    write_lines(street, [first, {**second, "as_of": "2025-12-15"}])

    with pytest.raises(DataError, match=r"line 2 of .* has no night or time; put it back from a backup"):
        run(street)


def test_lines_taken_from_the_end_are_told_by_nights_and_by_a_head_kept_elsewhere(street):
    """A chain cannot know its own end: a published night that stands in no line does, and who kept the head."""
    head = register.verify(street).head
    write_lines(street, lines_of(street)[:1])
    faults = register.verify(street, head=head).faults

    assert ["lines were taken away" in faults[0], "2025-12-15, run" in faults[1]] == [True, True]
    assert len(register.verify(street).faults) == 1


def test_a_list_that_was_changed_is_told(street):
    """Sealed content with another expected count, and a night that shows another than was sealed."""
    line = register.seals(street)[-1]
    place = street.path / register.FOLDER / f"{line.name}.parquet"
    content = register.sealed_content(street, line)
    content.loc[0, "expected"] = 99.0
    write_table(place, plain_arrow(content))
    with pytest.raises(DataError, match="is not what was sealed for 2025-12-15"):
        register.sealed_content(street, line)
    scores = street.night(line.as_of).table("scores")
    write_table(street.night(line.as_of).path / "scores.parquet", plain_arrow(scores.assign(expected=1.0)))
    faults = register.verify(street).faults

    assert len(faults) == 2
    assert "does not show what was sealed" in faults[1]


def test_what_is_old_goes_and_its_line_stays(street):
    """Contents are for scoring; when they have been, the line still proves that there was a forecast."""
    first, second = register.seals(street)
    assert register.forget(street, [first]) == 1
    with pytest.raises(NotFoundError, match="is not kept any more"):
        register.sealed_content(street, first)
    assert len(register.sealed_content(street, second)) > 12
    assert register.verify(street).sound


def test_the_command_line_shows_and_proves(street, capsys):
    """`show` prints a line a seal, `verify` the head; a register that was changed ends with the exit code of tampering."""
    folder = ["--store", str(street.path)]

    assert main(["register", "show", *folder]) == 0
    assert "2 seals" in capsys.readouterr().out
    assert main(["register", "verify", "--json", *folder]) == 0
    head = json.loads(capsys.readouterr().out)["head"]
    assert main(["register", "verify", "--head", head, *folder]) == 0
    write_lines(street, lines_of(street)[1:])
    assert main(["register", "verify", *folder]) == 22
    (street.path / register.FOLDER / register.LOG).write_text("{")
    capsys.readouterr()
    assert main(["register", "verify", *folder]) == 11
    assert "is damaged" in capsys.readouterr().err
