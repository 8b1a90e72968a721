# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the host and of what answers there: each well, and broken in the way that it is for."""

import contextlib
import datetime
import http.server
import json
import os
import subprocess
import threading

import pytest
from harness import pg
from harness.need import need


def one(plmaint, label, code, *words, **options):
    done = plmaint.run("health", "check", "--label", label, *words, code=code, **options)
    return done.one("step.end", label=label)


# -- the disk


def on_a_tmpfs(plmaint, tmp_path, media_root, options, fill):
    """host-disk with the media on a small file system, in a mount namespace of its own."""
    need(
        when=os.geteuid() == 0 and os.system("unshare -m true 2>/dev/null") == 0,
        why="needs root and unshare -m",
    )
    script = tmp_path / "wrap"
    script.write_text(
        f'#!/bin/sh\nset -e\nmount -t tmpfs -o {options} tmpfs {media_root}\ncd {media_root}\n{fill}\ncd /\nexec "$@"\n'
    )
    script.chmod(0o755)
    done = plmaint.run(
        "health", "check", "--label", "host-disk", wrap=["unshare", "-m", str(script)]
    )
    found = done.one("step.end")
    mine = [e for e in found.get("examples", []) if e.startswith(str(media_root))]
    return found["result"], mine


def test_disk(plmaint, tmp_path, media_root):
    args = (plmaint, tmp_path, media_root)
    assert on_a_tmpfs(*args, "size=1m", "true")[1] == []
    full = "head -c 1040384 /dev/zero > x"  # 254 of 256 pages
    result, found = on_a_tmpfs(*args, "size=1m", full)
    assert result == "finding" and found == [f"{media_root}: 0.8 % of its bytes left"]
    many = "for i in $(seq 93); do : > $i; done"  # and the root itself
    _, found = on_a_tmpfs(*args, "size=1m,nr_inodes=100", many)
    assert found == [f"{media_root}: 6.0 % of its inodes left"]


def test_disk_without_the_media(plmaint, media_root):
    media_root.rmdir()
    assert one(plmaint, "host-disk", 3)["result"] == "unknown"


# -- the clock


@pytest.mark.parametrize(
    "seconds, code, text", [(0, 0, "agree"), (5, 78, "ahead of"), (-3600, 1, "behind")]
)
def test_clock(plmaint, pg_db, seconds, code, text):
    """The server's clock is this host's; the role is told another time."""
    with contextlib.closing(pg_db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute("CREATE SCHEMA odd; GRANT USAGE ON SCHEMA odd TO pulp")
        cur.execute(
            "CREATE FUNCTION odd.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
            f" 'SELECT pg_catalog.clock_timestamp() + interval ''{seconds} s'''"
        )
        cur.execute(f'ALTER DATABASE "{pg_db.name}" SET search_path = odd, pg_catalog, public')
    assert text in one(plmaint, "host-clock", code)["message"]


# -- Redis


def test_redis(plmaint, redis_server):
    assert one(plmaint, "redis-ping", 0)["result"] == "skipped"
    plmaint.configure({"redis.url": redis_server.url()})
    assert one(plmaint, "redis-ping", 0)["message"].startswith("Redis answers in ")
    plmaint.configure({"redis.url": f"redis://127.0.0.1:{pg.free_port()}/0"})
    assert one(plmaint, "redis-ping", 1)["result"] == "finding"


# -- Pulp's status

WELL = {
    "database_connection": {"connected": True},
    "redis_connection": {"connected": False},
    "online_workers": [{"name": "1@a"}],
    "online_content_apps": [{"name": "2@a"}],
    "storage": {"total": 100, "used": 10, "free": 90},
}
ILL = {
    "database_connection": {"connected": False},
    "online_workers": [],
    "online_content_apps": [],
    "storage": {"total": 100, "used": 99, "free": 1},
}


@pytest.fixture
def status():
    """A server that answers with what its `answer` holds: (status, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            code, body = self.server.answer
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_status(plmaint, status):
    label = "pulp-status"
    assert one(plmaint, label, 0)["result"] == "skipped"
    port = status.server_address[1]
    plmaint.configure({"throttle.status_url": f"http://127.0.0.1:{port}/pulp/api/v3/status/"})
    status.answer = 200, json.dumps(WELL).encode()
    assert one(plmaint, label, 0)["result"] == "ok"
    status.answer = 200, json.dumps({**WELL, **ILL}).encode()
    found = one(plmaint, label, 1)
    assert found["found"] == 4 and "no worker" in " ".join(found["examples"])
    status.answer = 502, b"Bad Gateway"
    assert "HTTP 502" in one(plmaint, label, 1)["message"]
    status.answer = 200, b"<html>"
    assert one(plmaint, label, 3)["result"] == "unknown"
    # An object store has no limit.
    status.answer = 200, json.dumps({**WELL, "storage": {"total": None, "free": None}}).encode()
    assert one(plmaint, label, 0)["result"] == "ok"
    plmaint.configure({"throttle.status_url": f"http://127.0.0.1:{pg.free_port()}/"})
    assert one(plmaint, label, 1)["result"] == "finding"


def test_status_minds_a_cache_that_is_enabled(plmaint, status, tmp_path):
    settings = tmp_path / "settings.py"
    settings.write_text("CACHE_ENABLED = True\nREDIS_HOST = 'localhost'\n")
    plmaint.configure(
        {
            "pulp.settings": settings,
            "throttle.status_url": f"http://127.0.0.1:{status.server_address[1]}/",
        }
    )
    status.answer = 200, json.dumps(WELL).encode()
    assert one(plmaint, "pulp-status", 1)["examples"] == ["it has no connection to its cache"]


# -- certificates


CA = """[ca]
default_ca = d
[d]
database = {dir}/index
new_certs_dir = {dir}
rand_serial = yes
default_md = sha256
policy = p
[p]
commonName = supplied
"""


def certificate(path, name, days):
    """A certificate of itself that expires so many days from now; `openssl req` makes none of the
    past.
    """
    need(programs=("openssl",))
    config, key, request = (path.with_suffix(s) for s in (".conf", ".key", ".csr"))
    config.write_text(CA.format(dir=path.parent))
    (path.parent / "index").write_text("")
    ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    for argv in (
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        + ["-keyout", key, "-out", request, "-subj", f"/CN={name}"],
        ["ca", "-batch", "-selfsign", "-notext", "-config", config, "-keyfile", key, "-in", request]
        + ["-startdate", "20200101000000Z", "-enddate", f"{ends:%Y%m%d%H%M%SZ}", "-out", path],
    ):
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)
    return path


def test_certificates(plmaint, tmp_path):
    label = "host-certificates"
    good = certificate(tmp_path / "good.pem", "good.example", 90)
    soon = certificate(tmp_path / "soon.pem", "soon.example", 7)
    gone = certificate(tmp_path / "gone.pem", "gone.example", -1)
    plmaint.configure({"health.certificates": good})
    assert "the first of 1 certificates expires on 20" in one(plmaint, label, 0)["message"]
    plmaint.configure({"health.certificates": f"{good},{soon}"})
    found = one(plmaint, label, 78)
    assert found["found"] == 1 and f"soon.example of {soon} expires on 20" in found["examples"][0]
    chain = tmp_path / "chain.pem"
    chain.write_text(good.read_text() + gone.read_text())
    plmaint.configure({"health.certificates": chain})
    found = one(plmaint, label, 1)
    assert found["found"] == 1 and f"gone.example of {chain} expired on 20" in found["examples"][0]
    plmaint.configure({"health.certificates": good.with_suffix(".key")})
    assert "no certificate" in one(plmaint, label, 3)["message"]
    plmaint.configure({"health.certificates": tmp_path / "nosuch.pem"})
    assert one(plmaint, label, 3)["result"] == "unknown"


def test_certificates_of_the_web_server(plmaint, tmp_path):
    need(
        when=os.geteuid() == 0 and os.system("unshare -m true 2>/dev/null") == 0,
        why="needs root and unshare -m",
    )
    soon = certificate(tmp_path / "soon.pem", "soon.example", 7)
    script = tmp_path / "wrap"
    script.write_text(
        "#!/bin/sh\nset -e\nfor d in nginx httpd apache2 foreman foreman-proxy pki; do\n"
        "[ ! -d /etc/$d ] || mount -t tmpfs tmpfs /etc/$d; done\n"
        f"mkdir -p /etc/nginx/conf.d; echo '  ssl_certificate {soon};' > /etc/nginx/conf.d/pulp.conf\n"
        'exec "$@"\n'
    )
    script.chmod(0o755)
    need(files=("/etc/nginx",))
    found = one(plmaint, "host-certificates", 78, wrap=["unshare", "-m", str(script)])
    assert found["examples"][0].startswith(f"soon.example of {soon} expires on 20")


# -- the shell


@pytest.mark.parametrize(
    "label, wrap, text",
    [
        ("host-tmout", ["env", "TMOUT=900"], "900 s"),
        ("host-proxy", ["env", "https_proxy=http://u:secret@proxy"], "1 variables"),
        ("host-umask", ["sh", "-c", 'umask 077; exec "$@"', "sh"], "0077"),
    ],
)
def test_shell(plmaint, label, wrap, text):
    clean = ["env", "-u", "TMOUT", "-u", "https_proxy", "-u", "http_proxy", "sh", "-c", 'umask 022; exec "$@"', "sh"]
    assert one(plmaint, label, 0, wrap=clean)["result"] == "ok"
    found = one(plmaint, label, 78, wrap=[*clean, *wrap])
    assert text in found["message"] and "secret" not in str(found)


# -- files of artifacts


def test_files_of_artifacts(plmaint, site, media_root):
    label = "pulp-artifacts-files"
    images = [site.image("oci") for _ in range(3)]
    assert one(plmaint, label, 0)["message"] == "6 artifacts have their files"
    images[0].artifact.path.unlink()
    images[1].artifact.path.write_bytes(b"short")
    found = one(plmaint, label, 1, "--full")
    assert found["message"] == "2 of 6 artifacts have no file of their size"
    assert sorted(found["examples"]) == sorted(
        [f"{images[0].artifact.name}: no file", f"{images[1].artifact.name}: another size"]
    )
