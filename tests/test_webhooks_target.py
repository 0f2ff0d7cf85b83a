"""Where a message may go: odd spellings of addresses are refused where they are declared, odd machines before they are spoken to."""

import socket
import ssl
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiver import SECRET, receiving

from riskwarn.errors import DefinitionError, DeliveryError
from riskwarn.webhooks import Host, Webhook, Webhooks, load_webhooks
from riskwarn.webhooks.posting import LARGEST_HEAD, post
from riskwarn.webhooks.target import INTERNAL, Target, fault_of, is_host, target_of

ODD = [
    "http://hooks.example",
    "//hooks.example",
    "hooks.example",
    "HTTPS://hooks.example",
    "https:/hooks.example",
    "https:///hooks.example",
    "https://",
    "file:///etc/passwd",
    "gopher://hooks.example/_x",
    "ftp://hooks.example",
    "dict://hooks.example:11211/",
    "s3://bucket/key",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https://user@hooks.example",
    "https://user:pass@hooks.example",
    "https://hooks.example@evil.example",
    "https://hooks.example:443@evil.example",
    "https://hooks.example#evil.example",
    "https://hooks.example/#",
    "https://hooks.example/?to=x",
    "https://hooks.example?",
    "https://hooks.example/a//b",
    "https://hooks.example//evil.example",
    "https://hooks.example/../admin",
    "https://hooks.example/.hidden",
    "https://hooks.example/%2e%2e/admin",
    "https://hooks.example/%0d%0aHost:%20evil",
    "https://hooks.example/a\r\nHost: evil",
    "https://hooks.example/a b",
    "https://hooks.example/a\\b",
    "https://hooks.example\\@evil.example",
    "https://hooks.example\t",
    "https://hooks.example\n",
    " https://hooks.example",
    "https://hooks.example\x00.evil.example",
    "https://hooks%2eexample",
    "https://hooks.example.",
    "https://.hooks.example",
    "https://hooks..example",
    "https://-hooks.example",
    "https://hooks_.example",
    "https://Hooks.example",
    "https://hooks。example",
    "https://ｈooks.example",
    "https://hooks.example:0",
    "https://hooks.example:",
    "https://hooks.example:443443",
    "https://hooks.example:65536",
    "https://hooks.example:0443",
    "https://hooks.example:+443",
    "https://hooks.example:４４３",
    "https://2130706433",
    "https://0x7f000001",
    "https://0x7f.0.0.1",
    "https://0177.0.0.1",
    "https://017700000001",
    "https://127.1",
    "https://127.0.1",
    "https://127.0.0.1.",
    "https://127.0.0.01",
    "https://1.2.3.4.5",
    "https://256.0.0.1",
    "https://①②⑦.0.0.1",
    "https://[::ffff:127.0.0.1]",
    "https://[::ffff:7f00:1]",
    "https://[0:0:0:0:0:0:0:1]",
    "https://[::1%25lo]",
    "https://[fe80::1%eth0]",
    "https://[2002:7f00:1::]",
    "https://[64:ff9b::7f00:1]",
    "https://::1",
    "https://[::1",
    "https://[v1.x]",
    "https://hooks.0x7f",
    "https://hooks.1",
    "https://xn--.example\u200b",
    "https://" + "a" * 64 + ".example",
    "https://" + "a." * 200 + "example",
]
"""Addresses that a lax reader takes, or takes for another one; each with the host declared would still be refused."""
SHUT = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:808:808::1",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
"""Addresses that no public name may lead to."""
HOSTS = (Host("hooks.example"),)


@pytest.fixture
def guard(monkeypatch):
    """Whom the process connected to."""
    spoken = []
    real = socket.socket.connect

    def connect(self, address):
        spoken.append(address[:2])
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return spoken


@pytest.mark.parametrize("url", ODD, ids=range(len(ODD)))
def test_an_odd_address_is_refused(url):
    """One spelling is taken; any other is refused where it is declared, and repeated nowhere."""
    with pytest.raises(DefinitionError) as refused:
        Webhooks(HOSTS, (Webhook("board", url, secret_env="S"),))

    assert "webhooks: board" in str(refused.value) or "url: wanted" in str(refused.value)


@given(st.text(max_size=30))
def test_what_is_taken_reads_back(text):
    """No text after the scheme is taken unless scheme, host, port and path spell it again."""
    target = target_of(f"https://{text}")

    if target is not None:
        assert f"https://{text}".rstrip("/").removesuffix(":443") == f"https://{target.authority}{target.path}".rstrip(
            "/"
        )
        assert is_host(target.host)


@pytest.mark.parametrize(
    ("url", "host", "said"),
    [
        ("https://evil.example", Host("hooks.example"), "evil.example is not declared"),
        (
            "https://hooks.example:8443",
            Host("hooks.example"),
            "port 8443 of hooks.example is not declared; its ports: 443",
        ),
        ("http://hooks.example:8080", Host("hooks.example", (8080,)), "http wants a host that is declared plain"),
        ("https://10.3.0.8", Host("10.3.0.7", networks=("10.3.0.7",)), "10.3.0.8 is not declared"),
    ],
)
def test_only_declared_hosts_are_told(url, host, said):
    """Host, port and scheme have to be declared."""
    with pytest.raises(DefinitionError, match=said):
        Webhooks((host,), (Webhook("board", url, secret_env="S"),))


@pytest.mark.parametrize(
    "values",
    [
        {"name": "board.lan", "plain": True},
        {"name": "10.3.0.7"},
        {"name": "8.8.8.8"},
        {"name": "board.lan", "networks": ("0.0.0.0/0",)},
        {"name": "board.lan", "networks": ("10.0.0.0/7",)},
        {"name": "board.lan", "networks": ("169.254.0.0/16",)},
        {"name": "board.lan", "networks": ("169.254.169.254",)},
        {"name": "board.lan", "networks": ("8.8.8.0/24",)},
        {"name": "board.lan", "networks": ("10.3.0.7/16",)},
        {"name": "board.lan", "networks": ("224.0.0.0/4",)},
        {"name": "board.lan", "networks": ("::/0",)},
        {"name": "board.lan", "networks": ("::ffff:10.0.0.0/104",)},
        {"name": "board.lan", "networks": ("fe80::/10",)},
        {"name": "board.lan", "networks": ("10.3",)},
        {"name": "*.lan"},
        {"name": "board.lan", "ports": (0,)},
    ],
    ids=str,
)
def test_a_host_of_ones_own_lies_in_ones_own_network(values):
    """http, an IP address and internal networks want private ones, written out; link-local, multicast and the whole world are none."""
    with pytest.raises(DefinitionError):
        Host(**values)


@pytest.mark.parametrize("address", SHUT)
def test_no_name_leads_inside(address, guard):
    """A public name that leads to such an address, alone or beside a good one, is not spoken to at all."""
    target, host = Target("https", "hooks.example", 443, "/"), HOSTS[0]
    for known in ([address], ["93.184.215.14", address], [address, "93.184.215.14"]):
        with pytest.raises(DeliveryError, match=r"hooks\.example is not spoken to"):
            post(target, host, b"{}", {}, seconds=1, folder=Path(), resolver=lambda *_, known=known: known)

    assert guard == []


def test_public_addresses_are_open():
    """What is public may be spoken to, and nothing of one's own networks is."""
    from ipaddress import ip_address

    assert [a for a in ("93.184.215.14", "1.1.1.1", "2606:4700::1111", "101.6.6.6") if fault_of(ip_address(a))] == []
    assert [n for n in INTERNAL if not fault_of(n[0])] == []


def local(receiver, **values):
    return Host("board.lan", (receiver.port,), plain=True, networks=("127.0.0.1",), **values), Target(
        "http", "board.lan", receiver.port, "/in"
    )


def test_the_address_that_was_looked_at_is_the_one_spoken_to(guard):
    """A name that leads elsewhere the second time it is asked about leads nowhere: it is asked about once, and the proxy of the environment is nobody's."""
    asked = []
    with receiving() as receiver:
        host, target = local(receiver)

        def rebinding(name, port):
            asked.append(name)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        answer = post(target, host, b"{}", {}, seconds=5, folder=Path(), resolver=rebinding)
        with pytest.raises(DeliveryError, match=r"169\.254\.169\.254 lies in none of the host's networks"):
            post(target, host, b"{}", {}, seconds=5, folder=Path(), resolver=rebinding)

    assert (answer.status, asked) == (204, ["board.lan", "board.lan"])
    assert guard == [("127.0.0.1", receiver.port)]
    assert receiver.got[0][0] == "POST /in HTTP/1.1"
    assert receiver.got[0][1]["host"] == f"board.lan:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status, guard):
    """Where a redirect leads nobody looks."""
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n".encode()
    with receiving(answer) as receiver:
        host, target = local(receiver)
        got = post(target, host, b"{}", {}, seconds=5, folder=Path(), resolver=lambda *_: ["127.0.0.1"])

    assert (got.status, got.taken, guard) == (status, False, [("127.0.0.1", receiver.port)])


def trickling(head):
    """A receiver that sends a letter now and then."""

    def answer(link):
        for letter in head:
            link.sendall(bytes([letter]))
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda link: time.sleep(3), "does not answer within 0.5 s"),
        (trickling(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200), "does not answer within 0.5 s"),
        (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 10_000_000, "no HTTP that can be read"),
        (b"HTTP/1.1 102 Processing\r\n\r\n" * 5000, "no HTTP that can be read"),
        (b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(100_000)), "no HTTP that can be read"),
        (b"\x16\x03\x01\x00\x00" * 100, "no HTTP that can be read"),
        (b"SSH-2.0-OpenSSH_9\r\n", "no HTTP that can be read"),
        (b"", "no HTTP that can be read"),
    ],
    ids=["silent", "trickling", "long head", "always more", "many headers", "TLS", "SSH", "nothing"],
)
def test_a_receiver_is_not_waited_for_and_not_read_for_ever(answer, said):
    """Silence, a letter now and then, and a head without end cost the time and the bytes they may."""
    with receiving(answer) as receiver:
        host, target = local(receiver)
        begin = time.monotonic()
        with pytest.raises(DeliveryError, match=said):
            post(target, host, b"{}", {}, seconds=0.5, folder=Path(), resolver=lambda *_: ["127.0.0.1"])

    assert time.monotonic() - begin < 2


def test_of_a_huge_answer_only_the_head_is_read(monkeypatch):
    """A body of a gigabyte is left where it is."""
    read, real = [], socket.socket.recv

    def recv(self, size, *args):
        got = real(self, size, *args)
        read.append((self.getpeername()[1], len(got)))
        return got

    def endless(link):
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            link.sendall(b"x" * 1_000_000)

    with receiving(endless) as receiver:
        host, target = local(receiver)
        monkeypatch.setattr(socket.socket, "recv", recv)
        answer = post(target, host, b"{}", {}, seconds=5, folder=Path(), resolver=lambda *_: ["127.0.0.1"])
        n_read = sum(n for port, n in read if port == receiver.port)

    assert answer.taken
    assert n_read <= LARGEST_HEAD


def test_nobody_there_is_said():
    """A closed port and an unknown name are told in a sentence."""
    with receiving() as receiver:
        host, target = local(receiver)
    with pytest.raises(DeliveryError, match="cannot be reached"):
        post(target, host, b"{}", {}, seconds=2, folder=Path(), resolver=lambda *_: ["127.0.0.1"])

    def unknown(*_):
        raise socket.gaierror

    with pytest.raises(DeliveryError, match=r"the name board\.lan is not known"):
        post(target, host, b"{}", {}, seconds=2, folder=Path(), resolver=unknown)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of board.lan by an authority of its own, and its key."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "board.lan")])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(1), now + dt.timedelta(1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("board.lan")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return folder


@pytest.mark.parametrize(
    ("name", "authority", "said"),
    [("board.lan", "ca.pem", ""), ("board.lan", "", "cannot be trusted"), ("other.lan", "ca.pem", "cannot be trusted")],
)
def test_a_receiver_proves_its_name(certificate, name, authority, said):
    """Over https the declared authority vouches for the name in the address, not for the machine behind it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "ca.pem", certificate / "key.pem")
    with receiving(wrap=lambda link: context.wrap_socket(link, server_side=True)) as receiver:
        host = Host(name, (receiver.port,), networks=("127.0.0.0/8",), authority=authority)
        sent = (Target("https", name, receiver.port, "/"), host, b"{}", {})
        options = {"seconds": 5, "folder": certificate, "resolver": lambda *_: ["127.0.0.1"]}
        if said:
            with pytest.raises(DeliveryError, match=said):
                post(*sent, **options)
        else:
            assert post(*sent, **options).taken

    assert len(receiver.got) == (0 if said else 1)


# -- the file ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'[[webhooks]]\nname = "a"\nurl = "https://h"\nsecret = "{SECRET}"', "unknown key 'secret'"),
        ('[[hosts]]\nname = "h"\n[[webhooks]]\nname = "a"\nurl = "https://h"', "name one place of the secret"),
        (
            '[[hosts]]\nname = "h"\n[[webhooks]]\nname = "a"\nurl = "https://h"\nsecret_env = "A"\nsecret_file = "b"',
            "name one place of the secret",
        ),
        ('[[hosts]]\nname = "h"\n[[hosts]]\nname = "h"', "'h' is declared twice"),
        ('[[webhooks]]\nname = "a"\nurl = "https://h"\nsecret_env = "A"\nevents = ["nights"]', "did you mean 'night'"),
        ('link = "javascript:x"', "link: wanted the address of the pages"),
        ("hosts = 5", "hosts: wanted a list"),
        ("[[hosts]", "not TOML"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, text, said):
    """Each fault is told with file and key, and a secret that stands in it is repeated nowhere."""
    (tmp_path / "webhooks.toml").write_text(text, "utf-8")
    with pytest.raises(DefinitionError, match=said) as told:
        load_webhooks(tmp_path)

    assert "webhooks.toml" in str(told.value)
    assert SECRET not in str(told.value)


def test_no_file_tells_nobody(tmp_path):
    """A store without the file has no webhook."""
    assert load_webhooks(tmp_path) == Webhooks()
