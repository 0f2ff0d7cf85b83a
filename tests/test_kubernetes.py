"""The manifests for Kubernetes: what they start exists, hangs together, can do no more than it must, and holds no secret."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from visiting import from_elsewhere

from riskwarn.cli import command
from riskwarn.cli.nights import LACKING
from riskwarn.store import Store
from riskwarn.web import create_app
from riskwarn.web.serving import Serving

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "examples" / "kubernetes" / "riskwarn.yaml").read_text("utf-8")
IMAGE = (ROOT / "examples" / "container" / "Containerfile").read_text("utf-8")
COMPOSED = yaml.safe_load((ROOT / "examples" / "container" / "compose.yaml").read_text("utf-8"))["services"]
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.fixture(scope="module")
def things():
    """The manifests by kind and name."""
    return {(thing["kind"], thing["metadata"]["name"]): thing for thing in yaml.safe_load(TEXT)["items"]}


@pytest.fixture(scope="module")
def pods(things):
    """The pods that are started, by their part."""
    night = things["CronJob", "riskwarn-night"]["spec"]["jobTemplate"]["spec"]["template"]
    page, desk = (things["Deployment", f"riskwarn-{part}"]["spec"]["template"] for part in ("page", "desk"))
    return {pod["metadata"]["labels"]["part"]: pod["spec"] for pod in (page, desk, night)}


@pytest.fixture(scope="module")
def containers(pods):
    """The one container of each."""
    return {part: container for part, pod in pods.items() for container in pod["containers"]}


@pytest.fixture(scope="module")
def page(containers):
    """What the page is started with, as the command line reads it."""
    words = containers["page"]["args"]
    return command().get_command(None, words[0]).make_context(words[0], list(words[1:])).params


def test_the_page_is_a_verb_that_is_there(page):
    """It serves at every address of its pod, at the port of the image, by the name of the ingress, and believes a proxy."""
    assert (page["host"], f"EXPOSE {page['port']}") == ("0.0.0.0", re.search(r"^EXPOSE \d+$", IMAGE, re.MULTILINE)[0])
    assert page["allowed_host"]
    assert page["trusted_proxy"]


def test_the_night_is_that_of_the_composition(containers):
    """It makes the same night; a night that lacks something has been published, so it is no failed job; every other error is."""
    shell, flag, line = containers["night"]["command"]
    made, code = line.split("||")

    assert (shell, flag) == ("sh", "-c")
    assert shlex.split(made) == ["riskwarn", *COMPOSED["night"]["command"]]
    assert shlex.split(code) == ["test", "$?", "-eq", str(LACKING)]


def test_a_job_is_made_once(things):
    """No second night starts beside one, and none that failed is tried again by itself."""
    night = things["CronJob", "riskwarn-night"]["spec"]
    job = night["jobTemplate"]["spec"]

    assert (night["concurrencyPolicy"], job["backoffLimit"]) == ("Forbid", 0)
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert re.fullmatch(r"[\d*]+ [\d*]+ \* \* \*", night["schedule"])


def test_a_request_finds_the_page(things, containers, page):
    """From the ingress by the service to the port of the container every name is one that is there."""
    (rule,) = things["Ingress", "riskwarn-page"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    asked = path["backend"]["service"]
    service = things["Service", asked["name"]]["spec"]
    targets = {port["name"]: port["targetPort"] for port in service["ports"]}
    ports = {port["name"]: port["containerPort"] for port in containers["page"]["ports"]}
    labels = things["Deployment", "riskwarn-page"]["spec"]["template"]["metadata"]["labels"]

    assert ports[targets[asked["port"]["name"]]] == page["port"]
    assert service["selector"].items() <= labels.items()
    assert [rule["host"]] == list(page["allowed_host"])
    assert things["Ingress", "riskwarn-page"]["spec"]["tls"][0]["hosts"] == [rule["host"]]


def test_a_page_without_a_night_is_shown_all_the_same(tmp_path, containers, page):
    """Each probe is answered where no night was ever made, by the name it asks for; by the pod's address alone it would not be."""
    app = create_app(Store(tmp_path, timezone="Asia/Shanghai").path, serving=Serving(hosts=page["allowed_host"]))
    node = from_elsewhere(app, host="10.0.0.1")
    ports = {port["name"] for port in containers["page"]["ports"]}

    for probe in PROBES:
        asked = containers["page"][probe]["httpGet"]
        headers = {given["name"]: given["value"] for given in asked["httpHeaders"]}
        assert asked["port"] in ports
        assert node.get(asked["path"], headers=headers).status_code == 200
        assert node.get(asked["path"], headers={"Host": "10.0.0.2:8000"}).status_code == 421
    assert node.get("/readyz").status_code == 503


def test_all_write_into_one_store(things, pods, containers):
    """Each pod has the volume where the image looks for the store, and room of its own in /tmp; they stand on the node of that volume."""
    store = re.search(r"RISKWARN_STORE=(\S+)", IMAGE)[1]

    assert set(pods) == {"page", "night", "desk"}
    for part, pod in pods.items():
        mounts = {mount["mountPath"]: mount["name"] for mount in containers[part]["volumeMounts"]}
        volumes = {volume.pop("name"): volume for volume in [dict(volume) for volume in pod["volumes"]]}
        (near,) = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert set(mounts) == {store, "/tmp"}
        assert volumes[mounts["/tmp"]] == {"emptyDir": {}}
        assert ("PersistentVolumeClaim", volumes[mounts[store]]["persistentVolumeClaim"]["claimName"]) in things
        assert near["labelSelector"]["matchLabels"] == {"app": "riskwarn"}
        assert near["topologyKey"] == "kubernetes.io/hostname"
    assert all(
        of["spec"]["strategy"] == {"type": "Recreate"} for (kind, _), of in things.items() if kind == "Deployment"
    )


def test_pods_can_do_no_more_than_they_must(pods, containers):
    """They run as who the image runs as, never as root, on a root that cannot be written, without capabilities and without a token of the cluster."""
    user, group = map(int, re.search(r"^USER (\d+):(\d+)$", IMAGE, re.MULTILINE).groups())
    for part, pod in pods.items():
        who, what = pod["securityContext"], containers[part]["securityContext"]
        assert (who["runAsUser"], who["runAsGroup"], who["fsGroup"]) == (user, group, group)
        assert who["runAsNonRoot"] is True
        assert who["seccompProfile"] == {"type": "RuntimeDefault"}
        assert what == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
        assert set(containers[part]["resources"]["limits"]) == {"memory"}


def test_keys_stay_closed(pods):
    """A volume is opened to the group when it is new alone: later that would open the keys of the store, which are refused then."""
    assert {pod["securityContext"]["fsGroupChangePolicy"] for pod in pods.values()} == {"OnRootMismatch"}


def test_no_secret_stands_in_the_file(containers):
    """The ledger's address names no password; it comes from a secret that the first lines say how to make."""
    for container in containers.values():
        given = {entry["name"]: entry for entry in container["env"]}
        secret = given["PGPASSWORD"]["valueFrom"]["secretKeyRef"]
        assert re.fullmatch(r"postgresql\+psycopg://[^:@/]+@[\w.]+/\w+", given["RISKWARN_LEDGER"]["value"])
        assert f"create secret generic {secret['name']} --from-literal={secret['key']}=" in TEXT
        assert [name for name, entry in given.items() if "value" in entry] == ["RISKWARN_LEDGER"]


def test_what_is_typed_at_the_desk_is_there(things):
    """The first lines of the file name things of the file and verbs that the command line knows."""
    head = TEXT[: TEXT.index("apiVersion")]
    (verb,) = re.findall(r"-- riskwarn (.+)$", head, re.MULTILINE)
    words = verb.split()
    named = re.findall(r"(deployment|deploy/|cronjob/) ?(riskwarn-\w+)", head)
    group = command().get_command(None, words[0])

    assert group.get_command(None, words[1]).make_context(words[1], words[2:]).params["role"] == "admin"
    assert {name for _, name in named} == {"riskwarn-desk", "riskwarn-night"}
    assert all(("CronJob" if kind == "cronjob/" else "Deployment", name) in things for kind, name in named)
