"""A file from an HTTPS address: a real server on loopback, its certificate, its redirects, and the addresses that are refused."""

import datetime as dt
import hashlib
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from artpipe.errors import ArtpipeError, CorruptError, UnreachableError, UserError
from artpipe.sources.package import PinCard
from artpipe.untrusted.downloads import read_pin_card
from artpipe.untrusted.https import MAX_REDIRECTS, download, is_public, parse_https_url, resolve_host

DATA = b"a work " * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
HOST = "pictures.test"


def certificate(folder):
    """Write a key and a certificate for HOST, signed by itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return folder / "cert.pem", folder / "key.pem"


class Handler(BaseHTTPRequestHandler):
    """Serves DATA at /works.zip, and redirects."""

    def do_GET(self):
        port = self.server.server_port
        moved = {
            "/moved": "/works.zip",
            "/round": "/round",
            "/inside": f"https://inner.test:{port}/works.zip",
            "/number": f"https://127.0.0.1:{port}/works.zip",
            "/plain": f"http://{HOST}:{port}/works.zip",
        }
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.end_headers()
        elif self.path == "/works.zip":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(DATA)
        else:
            self.send_error(503 if self.path == "/busy" else 404)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server on loopback that passes for a public one under HOST's name, and how to reach it."""
    cert, key = certificate(tmp_path_factory.mktemp("tls"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    client = ssl.create_default_context(cafile=str(cert))
    names = {HOST: ["127.0.0.1"], "inner.test": ["10.0.0.1"], "127.0.0.1": ["127.0.0.2"]}
    how = {
        "resolve": lambda host, _: names[host],
        "is_allowed": lambda address: address == "127.0.0.1" or is_public(address),
        "context": client,
        "max_bytes": 1 << 20,
    }
    yield f"https://{HOST}:{server.server_port}", how
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("page", ["works.zip", "moved"])
def test_a_file_comes_whole_and_verified(served, tmp_path, page):
    """Straight or by a redirect, the bytes are those of the checksum."""
    address, how = served
    download(f"{address}/{page}", SHA256, tmp_path / "kept", **how)
    assert (tmp_path / "kept").read_bytes() == DATA


@pytest.mark.parametrize(
    ("page", "sha256", "error", "words"),
    [
        ("works.zip", "0" * 64, CorruptError, "the pin card expects 000000000000"),
        ("nowhere", SHA256, ArtpipeError, "answers 404"),
        ("busy", SHA256, UnreachableError, "answers 503"),
        ("inside", SHA256, UserError, "resolves to 10.0.0.1, which is not a public address"),
        ("number", SHA256, UserError, "127.0.0.2, which is not a public address"),
        ("plain", SHA256, UserError, "an https address is wanted"),
        ("round", SHA256, UserError, f"more than {MAX_REDIRECTS} redirects"),
    ],
)
def test_what_is_refused_leaves_nothing(served, tmp_path, page, sha256, error, words):
    """Another file, an error, a redirect to the network inside or away from HTTPS: one line, no file."""
    address, how = served
    with pytest.raises(error, match=words) as raised:
        download(f"{address}/{page}", sha256, tmp_path / "kept", **how)
    assert type(raised.value) is error  # of these, only UnreachableError may be tried again
    assert list(tmp_path.iterdir()) == []


def test_too_large_is_cut_short(served, tmp_path):
    """A server that sends more than a dataset may have is left."""
    address, how = served
    with pytest.raises(UserError, match="larger than"):
        download(f"{address}/works.zip", SHA256, tmp_path / "kept", **{**how, "max_bytes": 100})
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_of_nobody_is_refused(served, tmp_path):
    """Without the test's authority the server is a stranger."""
    address, how = served
    with pytest.raises(ArtpipeError, match="certificate") as raised:
        download(f"{address}/works.zip", SHA256, tmp_path / "kept", **{**how, "context": None})
    assert raised.value.exit_code == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])  # noqa: S104 - asked for, not bound
def test_this_machine_is_never_asked(tmp_path, host):
    """However loopback is written, the address is judged after the name is resolved."""
    with pytest.raises(UserError, match="not a public address"):
        download(f"https://{host}:1/x", SHA256, tmp_path / "kept", max_bytes=1, resolve=resolve_host)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "fe80::1%eth0", "fc00::1", "::", "::ffff:192.168.0.1"]
)  # fmt: skip
def test_private_addresses_are_not_public(address):
    """Private, link-local, shared, multicast and mapped ones."""
    assert not is_public(address)
    assert is_public("2606:4700:4700::1111")
    ipaddress.ip_address("2606:4700:4700::1111")


@pytest.mark.parametrize(
    "url", ["http://a.b/c", "ftp://a.b/c", "https://", "file:///etc/passwd", "https://a:x/c", "https://me:secret@a.b/c"]
)
def test_addresses_that_are_none(url):
    """HTTPS only, and no password in a file that goes into git."""
    with pytest.raises(UserError) as caught:
        parse_https_url(url)
    assert "secret" not in str(caught.value)


def test_a_pin_card_names_one_place(tmp_path):
    """A project's file or an address, not both, not neither."""
    path = tmp_path / "card.yaml"
    for package in (
        "{sha256: SUM}",
        "{url: 'https://a.b/c', project: p, file: f, sha256: SUM}",
        "{url: 'http://a.b/c', sha256: SUM}",
    ):
        path.write_text(f"about: {{}}\npackage: {package.replace('SUM', SHA256)}\nworks: {{format: file}}\n")
        with pytest.raises(UserError, match=r"card\.yaml: `package`(\.url)?`?(:| is)"):
            read_pin_card(path, PinCard)
    path.write_text(
        f"about: {{}}\npackage: {{url: 'https://a.b/c.zip', sha256: {SHA256}}}\nworks: {{format: members, members: '*.png', label: folder}}\n"
    )
    assert read_pin_card(path, PinCard).package.name == "c.zip"
