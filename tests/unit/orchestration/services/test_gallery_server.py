"""The gallery over HTTP: its own files to this machine's names, and nothing else."""

import http.client
import threading
import time
import urllib.request

import pytest

from artpipe.orchestration.services.gallery_server import gallery_server


@pytest.fixture
def gallery(tmp_path):
    """A folder with a page, a film and a walkthrough, and a secret beside it."""
    folder = tmp_path / "gallery"
    (folder / "walkthrough").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "index.html").write_text("front")
    (folder / "walkthrough/index.html").write_text("walkthrough")
    (folder / "film.mp4").write_bytes(bytes(range(100)))
    (tmp_path / "secret").write_text("secret")
    (folder / "way out").symlink_to(tmp_path / "secret")
    return folder


@pytest.fixture
def ask(gallery):
    """Ask for a path; returns status, headers and body."""
    server = gallery_server(gallery, 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    def asked(path, host=None, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"127.0.0.1:{port}")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    yield asked
    server.should_exit = True
    thread.join(10)


def test_pages_are_shown(ask):
    """The front page, a page by its folder, and what the browser must not do with them."""
    status, headers, body = ask("/")
    assert (status, body, headers["X-Content-Type-Options"]) == (200, b"front", "nosniff")
    assert ask("/walkthrough/?lang=zh")[2] == b"walkthrough"
    assert ask("/", method="HEAD")[::2] == (200, b"")


def test_a_folder_is_sent_to_its_slash(ask):
    """Relative links of a page hold, whatever was typed; the answer names no other host."""
    status, headers, _ = ask("//walkthrough")
    assert (status, headers["Location"]) == (301, "/walkthrough/")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "[::1]:80"])
def test_another_name_is_refused(ask, host):
    """A page of another site that points its name at this machine sees nothing."""
    status, _, body = ask("/", host=host)
    assert status == 400
    assert b"front" not in body


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "LOCALHOST:9000"])
def test_a_forwarded_port_is_answered(ask, host):
    """`ssh -L 9000:127.0.0.1:8000` shows the gallery of another machine under this one's name and another port."""
    assert ask("/", host=host)[::2] == (200, b"front")


@pytest.mark.parametrize("path", ["/" + "a" * 300, "/" + "%C3%A9" * 200, "/" + "a/" * 3000])
def test_a_name_too_long_for_a_file_is_answered(ask, path):
    """The system refuses to look for it; the one who asks is told that nothing hangs there."""
    assert ask(path)[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/../secret", "/%2e%2e/secret", "/walkthrough/../../secret", "/way%20out", "/empty/", "/none", "/film.mp4%00"],
)
def test_nothing_else_is_shown(ask, path):
    """No way up, no link that leads out, no list of a folder."""
    status, _, body = ask(path)
    assert status == 404
    assert b"secret" not in body


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=90-", 206, 90, 99),
        ("bytes=-5", 206, 95, 99),
        ("bytes=50-999", 206, 50, 99),
        ("bytes=100-", 416, 0, -1),
        ("bytes=-0", 416, 0, -1),
        ("bytes=9-9", 206, 9, 9),
    ],
)
def test_a_film_can_be_wound_on(ask, asked, status, first, last):
    """A range is answered with those bytes, one outside of the file with none."""
    got, headers, body = ask("/film.mp4", Range=asked)
    assert got == status
    assert body == bytes(range(first, last + 1))
    assert headers["Content-Range"] == (f"bytes {first}-{last}/100" if status == 206 else "bytes */100")


@pytest.mark.parametrize("asked", ["bytes=9-3", "bytes=a-b", "seconds=1-2"])
def test_a_range_that_is_none_is_refused(ask, asked):
    """What cannot be read as a range gets no byte of the film."""
    status, _, body = ask("/film.mp4", Range=asked)
    assert status == 400
    assert bytes(range(10)) not in body


def test_before_the_first_run_it_says_so(ask, gallery):
    """Without a gallery there is a page that looks again by itself."""
    (gallery / "index.html").unlink()
    status, _, body = ask("/")
    assert status == 503
    assert b'http-equiv="refresh"' in body


def test_an_unchanged_page_is_not_sent_again(ask):
    """The browser asks each time and is told that it has it already."""
    _, headers, _ = ask("/")
    assert headers["Cache-Control"] == "no-cache"
    assert ask("/", **{"If-Modified-Since": headers["Last-Modified"]})[0] == 304


def test_while_a_run_fills_it_the_early_gallery_is_shown(gallery, tmp_path):
    """From one request to the next: what the run has made so far, then the gallery again."""
    early, filled = tmp_path / "early", []
    early.mkdir()
    (early / "index.html").write_text("so far")
    server = gallery_server(gallery, 0, lambda: early if filled else None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    shown = []
    for now in ([], [True], []):
        filled[:] = now
        with urllib.request.urlopen(address, timeout=5) as answer:
            shown.append(answer.read())
    server.should_exit = True
    thread.join(10)
    assert shown == [b"front", b"so far", b"front"]
