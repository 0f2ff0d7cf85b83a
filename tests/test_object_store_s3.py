"""Panels and pieces on a server that speaks the protocol of S3, over HTTP: the laws of a folder, and a secret that stays one."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import towns
from conftest import absent
from test_distributed import asked
from towns.bucket import KEY, SECRET, Line, address, serving
from towns.country import DATES, country
from towns.events import GRIDS, ZONE, crowd

from riskwarn.cli import main
from riskwarn.distributed import Engine, score_blocks, write_blocks
from riskwarn.distributed.cutting import read_arrays, write_arrays
from riskwarn.distributed.panel import PIECES
from riskwarn.errors import DataError, DefinitionError, UnreachableError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Count
from riskwarn.model import RiskModel
from riskwarn.panel import Progress, build_panel, panel_of, read_panel, rows_on_disk, write_panel
from riskwarn.panel.files import table_in
from riskwarn.scoring import score
from riskwarn.store import Store, remote
from riskwarn.store.remote import Remote, folder_of

FEW = (Count("dispute", days=28).of_parent(), Count("dispute", days=28).nearby(), Count("visit", days=28))


@pytest.fixture(scope="module")
def server():
    """The port of a server."""
    try:
        import moto  # noqa: F401
    except ImportError:
        absent("moto is not installed, which speaks the protocol of S3")
    with serving() as port:
        yield port


@pytest.fixture(scope="module")
def client(server):
    """Another client of the server than ours."""
    import boto3

    signed = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    found = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{server}", **signed)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Nothing of this machine's own settings, and no question to a cloud it might be in."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bucket(client, request):
    """The name of a new bucket, which keeps each object that was ever written."""
    name = request.node.name.replace("_", "-").replace("[", "-").replace("]", "")[:60].strip("-")
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def line(server, monkeypatch):
    """A line to the server; who asks over it waits a second, not ten."""
    monkeypatch.setattr(remote, "_WAIT_S", 1)
    with Line(server).held() as carried:
        yield carried


@pytest.fixture(scope="module")
def history():
    return country(n=600)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A store whose events pass through pieces."""
    store = Store(tmp_path_factory.mktemp("city") / "city", timezone=ZONE)
    store.write("grids", GRIDS)
    events = crowd(400)
    store.write("events", events[events["grid_id"].isin(GRIDS["grid_id"])])
    return store


def place(server, bucket, name="panel"):
    """A place in a bucket, as its address says it."""
    return folder_of(address(server, f"{bucket}/{name}"))


def keys(client, bucket):
    """What lies in a bucket, but for the empty objects by which Arrow marks a folder."""
    listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(each["Key"] for each in listed if not (each["Key"].endswith("/") and not each["Size"]))


def uploads(client, bucket, under):
    """Each upload that was ever made under a name."""
    listed = client.list_object_versions(Bucket=bucket, Prefix=under).get("Versions", [])
    return sorted((each["Key"], each["VersionId"]) for each in listed if PIECES not in each["Key"])


def test_a_panel_on_a_server_is_the_panel(server, client, bucket, history, tmp_path):
    """Blocks written over HTTP read as those of a folder, object for file; pieces are gone; written again nothing is uploaded."""
    experiment, there = asked(declared=FEW), place(server, bucket)
    assert write_blocks(history, experiment, there, n_blocks=3) == Progress(9, 0)
    write_blocks(history, experiment, tmp_path / "panel", n_blocks=3)
    first = uploads(client, bucket, "panel/")

    pd.testing.assert_frame_equal(read_panel(there), read_panel(tmp_path / "panel"))
    files = (path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert keys(client, bucket) == sorted(file for file in files if not file.endswith(".lock"))
    assert write_blocks(history, experiment, there, n_blocks=3) == Progress(0, 9)
    assert uploads(client, bucket, "panel/") == first


def test_a_panel_without_blocks_is_uploaded_once(server, client, bucket, history):
    """Written again nothing is uploaded, either."""
    experiment, there = asked(declared=FEW[:1]), place(server, bucket)
    assert write_panel(history, experiment, there) == Progress(3, 0)
    first = uploads(client, bucket, "panel/")
    assert write_panel(history, experiment, there) == Progress(0, 3)
    assert uploads(client, bucket, "panel/") == first


def test_rows_are_read_from_a_server_a_part_at_a_time(server, bucket, history, tmp_path):
    """What is learnt from is the same as in a folder."""
    experiment, there = asked(declared=FEW[:2]), place(server, bucket)
    names = [f.name for f in experiment.columns]
    write_blocks(history, experiment, there, n_blocks=2)
    write_blocks(history, experiment, tmp_path / "panel", n_blocks=2)
    with rows_on_disk(there, names) as far, rows_on_disk(tmp_path / "panel", names) as near:
        pd.testing.assert_frame_equal(far.keys, near.keys)
        pd.testing.assert_frame_equal(far.source.take(slice(0, 40), names), near.source.take(slice(0, 40), names))


def test_an_object_that_is_missing_or_cut_is_noticed(server, client, bucket, history):
    """A block that is gone, or of which a part is there, is refused in a sentence, and it alone is written again."""
    experiment, there = asked(declared=FEW), place(server, bucket)
    write_blocks(history, experiment, there, n_blocks=3)
    wanted, blocks = read_panel(there), [key for key in keys(client, bucket) if "block-" in key]
    client.delete_object(Bucket=bucket, Key=blocks[4])
    with pytest.raises(DataError, match="2 of 3 blocks"):
        read_panel(there)
    whole = client.get_object(Bucket=bucket, Key=blocks[1])["Body"].read()
    client.put_object(Bucket=bucket, Key=blocks[1], Body=whole[:200])
    with pytest.raises(DataError, match=f"s3://{bucket}/{blocks[1]} is damaged"):
        table_in(place(server, bucket, blocks[1]))

    assert write_blocks(history, experiment, there, n_blocks=3) == Progress(2, 7)
    pd.testing.assert_frame_equal(read_panel(there), wanted)


def test_many_arrays_are_as_many_requests_as_few(bucket, line):
    """A piece is written and read in a handful of requests: how many does not hang on the arrays it has."""
    asked = []
    for n in (6, 60):
        there, arrays = place(line.port, bucket, f"piece-{n}.npz"), {f"a{i}": np.arange(9) for i in range(n)}
        before = line.n_asked
        write_arrays(there, arrays)
        assert {name: values.tolist() for name, values in read_arrays(there).items()} == {
            a: [*range(9)] for a in arrays
        }
        asked.append(line.n_asked - before)

    assert asked[0] == asked[1]


def test_what_goes_up_in_parts_appears_whole(server, client, bucket):
    """What is larger than a part is one object all the same, and reads as it was written, from any point."""
    content = random.Random(7).randbytes(12_000_000)
    there = place(server, bucket)
    there.put(content)
    with there.open() as file:
        assert file.read() == content
        assert file.seek(9_999_999) == file.tell() == 9_999_999
        assert file.read(9) == content[9_999_999:][:9]
    assert len(uploads(client, bucket, "panel")) == 1


@pytest.mark.parametrize("silent", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["broken", "silent"])
def test_a_run_goes_on_when_the_server_is_back(server, client, bucket, history, line, silent):
    """A line that breaks or falls silent in the middle is told; nothing half is there, and the next run keeps what is whole."""
    experiment, there = asked(declared=FEW), place(line.port, bucket)
    line.cut(after=4, word=b"PUT /" + f"{bucket}/panel/as_of".encode(), silent=silent)
    with pytest.raises(UnreachableError, match=f"s3://{bucket}/panel/.* cannot be read or written"):
        write_blocks(history, experiment, there, n_blocks=3)
    n_kept = sum("block-" in key for key in keys(client, bucket))
    line.mend()
    with pytest.raises(DataError, match="for a run broke off"):
        read_panel(there)

    assert n_kept == 4
    assert write_blocks(history, experiment, there, n_blocks=3) == Progress(9 - n_kept, n_kept)
    pd.testing.assert_frame_equal(read_panel(there), read_panel(place(server, bucket)))
    assert not [key for key in keys(client, bucket) if PIECES in key]


def test_a_line_that_breaks_is_no_damage(bucket, history, line):
    """A file of which the rest does not come is not called damaged, which would have it taken away."""
    there = place(line.port, bucket)
    write_blocks(history, asked(declared=FEW[:1]), there, as_of=DATES[:1], n_blocks=1)
    line.cut(after=1, word=b"HEAD ")
    with pytest.raises(UnreachableError, match="cannot be read or written"):
        table_in(next(there.glob("as_of=*/*.parquet")))


@pytest.mark.parametrize("engine", [Engine(jobs=2), Engine("dask", jobs=2)], ids=["processes", "dask"])
def test_workers_write_to_the_server(server, client, bucket, city, engine):
    """Worker processes are sent the file system: they read pieces and write blocks over lines of their own."""
    if engine.name == "dask":
        try:
            import distributed  # noqa: F401
        except ImportError:
            absent("Dask is not installed")
    experiment, there = asked(declared=FEW[:2]), place(server, bucket)
    assert write_blocks(city, experiment, there, engine=engine, n_blocks=3) == Progress(9, 0)
    wanted = build_panel(city, experiment)

    found = read_panel(there)[list(wanted)]
    pd.testing.assert_frame_equal(found, wanted, check_freq=False, check_categorical=False, rtol=1e-6)
    assert not [key for key in keys(client, bucket) if PIECES in key]


def test_scores_come_of_pieces_on_a_server(server, client, bucket, history):
    """Workers find the pieces of a night on the server; scores are those of one process, and the pieces are gone."""
    experiment = asked(declared=FEW[:2], model=ModelSettings(n_trees=3, min_rows_in_leaf=20))
    model = RiskModel.of(experiment).fit(build_panel(history, experiment))
    work = {"n_blocks": 3, "engine": Engine(jobs=2), "folder": address(server, f"{bucket}/work")}
    found = score_blocks(history, model, "2025-05-19", capacity=6, **work)
    night = panel_of(history, model.features, ["2025-05-19"], label=model.label)

    pd.testing.assert_frame_equal(found, score(model, night, capacity=6), rtol=1e-6, check_categorical=False)
    assert keys(client, bucket) == []


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A command that writes a panel, without the place."""
    home = tmp_path_factory.mktemp("street")
    store = Store(home / "street", timezone=ZONE)
    store.write("grids", towns.street_grids())
    store.write("events", towns.street_events())
    file = towns.write_experiment(home / "experiments" / "street.toml", towns.STREET_EXPERIMENT)
    features = ["--features", str(towns.FEATURES)]
    return ["panel", str(file), *features, "--store", str(store.path), "--as-of", "2025-06-02,2025-06-09"]


def told(capsys, *folders):
    """All that was said, and all that lies in some folders of this machine."""
    said = capsys.readouterr()
    left = b"".join(path.read_bytes() for folder in folders for path in Path(folder).rglob("*") if path.is_file())
    return said.out + said.err + left.decode("utf-8", "replace")


def is_kept(text):
    """Whether the secret is not in a text, as it is or as an address writes it."""
    return not any(part in text for part in (SECRET, *SECRET.split("/"), SECRET.partition("+")[0]))


@pytest.mark.parametrize("blocks", [[], ["--blocks", "2"], ["--jobs", "2"]], ids=["whole", "blocks", "jobs"])
def test_the_command_line_takes_an_address(server, client, bucket, words, blocks, tmp_path, capsys, monkeypatch):
    """`--out s3://key:secret@bucket/panel?…` writes the panel, and the secret is in no message, log, file or object."""
    monkeypatch.setenv("RISKWARN_LOG", str(tmp_path / "log"))
    assert main([*words, *blocks, "--json", "--out", address(server, f"{bucket}/panel")]) == 0
    assert main([*words, *blocks, "--out", str(tmp_path / "panel")]) == 0

    pd.testing.assert_frame_equal(read_panel(address(server, f"{bucket}/panel")), read_panel(tmp_path / "panel"))
    out = capsys.readouterr().out
    assert json.loads(out.splitlines()[0])["out"] == f"s3://{bucket}/panel"
    objects = [client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys(client, bucket)]
    assert is_kept(
        out + told(capsys, tmp_path, words[words.index("--store") + 1]) + b"".join(objects).decode("utf-8", "replace")
    )


def test_settings_of_aws_are_taken(server, client, bucket, words):
    """Where the address says nothing of it, key, secret and server come from the variables that every tool of S3 reads; workers inherit them."""
    settings = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    settings |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server}", "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "riskwarn", *words, "--jobs", "2", "--out", f"s3://{bucket}/panel"]
    ran = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith(f"kept in s3://{bucket}/panel\n")
    assert "panel/_blocks.json" in keys(client, bucket)


@pytest.mark.parametrize("silent", [False, True], ids=["broken", "silent"])
@pytest.mark.parametrize("blocks", [[], ["--blocks", "2"]], ids=["whole", "blocks"])
def test_a_server_that_does_not_answer_is_told(bucket, line, words, blocks, silent, capsys):
    """It is asked three times, ten seconds each; then the command ends with exit code 28 and one line without the secret."""
    line.cut(silent=silent)
    assert main([*words, *blocks, "--out", address(line.port, f"{bucket}/panel")]) == UnreachableError.exit_code

    said = capsys.readouterr()
    assert said.err.startswith("riskwarn: UnreachableError: s3://")
    assert said.err.count("\n") == 1
    assert line.n_broken == remote._TRIES
    assert is_kept(said.out + said.err)


def test_a_bucket_that_is_not_there_is_told(server, words, capsys):
    """With the same exit code; no bucket is made by the way."""
    assert main([*words, "--blocks", "2", "--out", address(server, "elsewhere/panel")]) == UnreachableError.exit_code
    assert is_kept(told(capsys))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (f"s3://{KEY}:{SECRET}@bucket/panel", "as %2F"),
        (f"s3://{KEY}:{SECRET} @bucket/panel?region=x", "as %2F"),
        ("s3://bucket/panel?endpoint=here", "'endpoint'"),
        (f"s3://{KEY}:secret@bucket/panel?endpoint=here", "'endpoint'"),
        (f"tape://{KEY}:{SECRET}@vault/panel", "no file system is known for 'tape'"),
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_its_secret(wrong, why):
    """What is wrong is said, and what is wanted; of key and secret nothing."""
    with pytest.raises(DefinitionError, match=why) as error:
        folder_of(wrong)
    assert is_kept(str(error.value))
    assert KEY not in str(error.value)


def test_what_is_not_there_is_told_without_the_secret(server, bucket):
    """Reading a place where nothing is names the place alone."""
    with pytest.raises(DataError, match=f"no panel in s3://{bucket}/panel") as error:
        read_panel(address(server, f"{bucket}/panel"))
    assert is_kept(str(error.value))


@pytest.mark.parametrize("verb", [["panel", "x.toml"], ["score", "--as-of", "2025-06-02"]], ids=["panel", "score"])
def test_a_table_is_a_file_of_this_machine(verb, tmp_path, capsys, monkeypatch):
    """`--out s3://…/table.csv` is refused before anything is done; no folder of that name appears here."""
    monkeypatch.chdir(tmp_path)
    out = address(9, "bucket/table.csv").partition("?")[0]
    assert main([*verb, "--store", "city", "--out", out]) == DataError.exit_code
    assert "a table goes into a file of this machine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_address_within_an_address_survives_a_path(tmp_path):
    """A path takes two strokes for one, also in `endpoint_override=http://…`; both are put back."""
    there = folder_of(Path("s3://key:secret@bucket/panel?endpoint_override=http://127.0.0.1:9"))
    assert isinstance(there, Remote)
    assert there.files == folder_of("s3://key:secret@bucket/panel?endpoint_override=http://127.0.0.1:9").files
    assert "http://127.0.0.1:9" in str(there.files.__reduce__())
