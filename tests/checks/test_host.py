# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the host and of what answers there: each well, and broken in the way that it is for."""

import contextlib
import datetime
import json
import os
import re
import socketserver
import subprocess
import tempfile
import threading

import pytest
from harness import pg
from harness.apart import apart
from harness.need import need
from harness.website import website


def one(plmaint, label, code, *words, **options):
    done = plmaint.run("health", "check", "--label", label, *words, code=code, **options)
    return done.one("step.end", label=label)


# -- the disk


def on_a_tmpfs(plmaint, tmp_path, media_root, options, fill):
    """host-disk with the media on a small file system, in a mount namespace of its own."""
    wrap = apart(tmp_path, f"mount -t tmpfs -o {options} tmpfs {media_root}", f"cd {media_root}", fill)
    done = plmaint.run("health", "check", "--label", "host-disk", wrap=wrap)
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
    assert one(plmaint, "redis-memory", 0)["result"] == "skipped"


def test_redis_that_is_full(plmaint, redis_server, request):
    assert one(plmaint, "redis-memory", 0)["message"] == "Pulp has no content cache"
    plmaint.configure({"redis.url": redis_server.url()})
    assert "has no limit" in one(plmaint, "redis-memory", 0)["message"]
    client = redis_server.client()
    request.addfinalizer(lambda: client.config_set("maxmemory", 0))
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", used * 4)
    assert one(plmaint, "redis-memory", 78)["message"].endswith("when it is full: noeviction")
    client.config_set("maxmemory", used)
    full = one(plmaint, "redis-memory", 1)
    assert full["result"] == "finding" and "volatile-lru" in full["hint"]
    client.config_set("maxmemory-policy", "volatile-lru")
    request.addfinalizer(lambda: client.config_set("maxmemory-policy", "noeviction"))
    assert one(plmaint, "redis-memory", 0)["message"].endswith("volatile-lru")


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


class Status:
    """What Pulp's status says: answer is (status, body)."""

    def __init__(self):
        self.answer, self.asked, self.url = (200, b""), [], None

    def __call__(self, path):
        self.asked.append(path)
        return self.answer


@pytest.fixture
def status():
    made = Status()
    with website(made) as made.url:
        yield made


def test_status(plmaint, status):
    label = "pulp-status"
    assert one(plmaint, label, 0)["result"] == "skipped"
    plmaint.configure({"throttle.status_url": f"{status.url}/pulp/api/v3/status/"})
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
            "throttle.status_url": f"{status.url}/",
        }
    )
    status.answer = 200, json.dumps(WELL).encode()
    assert one(plmaint, "pulp-status", 1)["examples"] == ["it has no connection to its cache"]


# -- the service content


def test_content(plmaint, status):
    label = "pulp-content"
    assert one(plmaint, label, 0)["result"] == "skipped"
    plmaint.configure({"throttle.content_url": f"{status.url}/v2/"})
    for code in (200, 404):
        status.answer = code, b""
        assert one(plmaint, label, 0)["message"].endswith(f", HTTP {code}")
    status.answer = 502, b"Bad Gateway"
    assert one(plmaint, label, 1)["message"] == "the service content answers with HTTP 502"
    plmaint.configure({"throttle.content_url": f"http://127.0.0.1:{pg.free_port()}/"})
    assert one(plmaint, label, 1)["result"] == "finding"


def test_registry(plmaint, status):
    label = "pulp-registry"
    assert one(plmaint, label, 0)["result"] == "skipped"
    plmaint.configure({"throttle.status_url": f"{status.url}/pulp/api/v3/status/"})
    for code in (200, 401):
        status.answer = code, b"{}"
        assert one(plmaint, label, 0)["message"].endswith(f", HTTP {code}")
    for code, hint in ((404, "has to lead /v2/"), (502, "journal")):
        status.answer = code, b"Not Found"
        found = one(plmaint, label, 1)
        assert found["message"] == f"/v2/ is answered with HTTP {code}" and hint in found["hint"]
    assert status.asked == ["/v2/"] * 4


@pytest.mark.parametrize(
    "label, name, path",
    [
        ("pulp-registry", "pulpcore-api.sock", "/v2/"),
        ("pulp-content", "pulpcore-content.sock", "/pulp/content/"),
        ("pulp-status", "pulpcore-api.sock", "/pulp/api/v3/status/"),
    ],
)
def test_services_are_found_at_their_sockets(plmaint, tmp_path, label, name, path):
    asked = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            asked.append(self.rfile.readline().split()[1].decode())
            body = json.dumps(WELL).encode()
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with tempfile.TemporaryDirectory(prefix="pl") as short:
        with socketserver.ThreadingUnixStreamServer(f"{short}/s", Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            wrap = apart(tmp_path, "mount -t tmpfs tmpfs /run", f"ln -s {short}/s /run/{name}")
            assert one(plmaint, label, 0, wrap=wrap)["result"] == "ok"
            server.shutdown()
    assert asked == [path]


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


def certificate(path, name, days, begins="20200101000000Z"):
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
        + ["-startdate", begins, "-enddate", f"{ends:%Y%m%d%H%M%SZ}", "-out", path],
    ):
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)
    return path


def test_certificates(plmaint, tmp_path):
    label = "host-certificates"
    good = certificate(tmp_path / "good.pem", "good.example", 90)
    soon = certificate(tmp_path / "soon.pem", "soon.example", 7)
    gone = certificate(tmp_path / "gone.pem", "gone.example", -1)
    plmaint.configure({"health.certificates": good})
    assert "the first of 1 certificate expires on 20" in one(plmaint, label, 0)["message"]
    plmaint.configure({"health.certificates": f"{good},{soon}"})
    found = one(plmaint, label, 78)
    assert found["found"] == 1 and f"soon.example of {soon} expires on 20" in found["examples"][0]
    chain = tmp_path / "chain.pem"
    chain.write_text(good.read_text() + gone.read_text())
    plmaint.configure({"health.certificates": chain})
    found = one(plmaint, label, 1)
    assert found["found"] == 1 and f"gone.example of {chain} expired on 20" in found["examples"][0]
    early = certificate(tmp_path / "early.pem", "early.example", 4000, begins="20360101000000Z")
    plmaint.configure({"health.certificates": early})
    found = one(plmaint, label, 1)
    assert f"early.example of {early} is not valid before 2036-01-01" in found["examples"][0]
    plmaint.configure({"health.certificates": good.with_suffix(".key")})
    assert "no certificate" in one(plmaint, label, 3)["message"]
    plmaint.configure({"health.certificates": tmp_path / "nosuch.pem"})
    assert one(plmaint, label, 3)["result"] == "unknown"


def test_certificates_of_the_web_server(plmaint, tmp_path):
    need(files=("/etc/nginx",))
    soon = certificate(tmp_path / "soon.pem", "soon.example", 7)
    wrap = apart(
        tmp_path,
        "for d in nginx httpd apache2 foreman foreman-proxy pki; do",
        "[ ! -d /etc/$d ] || mount -t tmpfs tmpfs /etc/$d; done",
        f"mkdir -p /etc/nginx/conf.d; echo '  ssl_certificate {soon};' > /etc/nginx/conf.d/pulp.conf",
    )
    found = one(plmaint, "host-certificates", 78, wrap=wrap)
    assert found["examples"][0].startswith(f"soon.example of {soon} expires on 20")


def issue(path, name, signer=None, authority=False, digest="sha256"):
    """A certificate, with its key beside it, signed by another one or by itself."""
    need(programs=("openssl",))
    key, extensions = path.with_suffix(".key"), path.with_suffix(".ext")
    extensions.write_text(f"basicConstraints=critical,CA:{'TRUE' if authority else 'FALSE'}\n")
    request = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    request += ["-keyout", key, "-out", path.with_suffix(".csr"), "-subj", f"/CN={name}"]
    sign = ["x509", "-req", "-in", path.with_suffix(".csr"), "-days", "90", "-extfile", extensions, f"-{digest}"]
    sign += ["-CA", signer, "-CAkey", signer.with_suffix(".key")] if signer else ["-signkey", key]
    for argv in (request, [*sign, "-out", path]):
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)
    return path


def test_chains(plmaint, tmp_path):
    label = "host-chains"
    root = issue(tmp_path / "root.pem", "root", authority=True)
    middle = issue(tmp_path / "middle.pem", "middle", root, authority=True)
    leaf = issue(tmp_path / "leaf.pem", "leaf", middle)
    (tmp_path / "other").mkdir()
    other = issue(tmp_path / "other" / "middle.pem", "middle", root, authority=True)  # not leaf's signer

    def found(code, *parts):
        served = tmp_path / "served.pem"
        served.write_text("".join(p.read_text() for p in parts))
        plmaint.configure({"health.certificates": served})
        return one(plmaint, label, code)

    plmaint.configure({"health.authorities": root})
    assert found(0, leaf, middle)["message"] == "1 certificate leads to an authority that is trusted"
    assert "leaf: unable to get local issuer certificate" in found(1, leaf)["examples"][0]
    assert "leaf: " in found(1, leaf, other)["examples"][0]
    alone = issue(tmp_path / "alone.pem", "alone")
    assert found(78, alone)["examples"] == [f"{tmp_path / 'served.pem'}: signed by itself"]
    plmaint.configure({"health.authorities": alone})
    assert found(0, alone)["found"] == 0
    assert found(1, leaf, middle)["found"] == 1
    plmaint.configure({"health.authorities": leaf.with_suffix(".key")})
    assert "holds no authority" in found(3, leaf)["message"]


def test_signatures(plmaint, tmp_path):
    label = "host-sha1"
    root = issue(tmp_path / "root.pem", "root", authority=True)
    old = issue(tmp_path / "old.pem", "old", authority=True, digest="sha1")
    good, bad = (issue(tmp_path / f"{d}.pem", d, root, digest=d) for d in ("sha512", "sha1"))
    plmaint.configure({"health.certificates": good, "health.authorities": f"{root},{good}"})
    assert one(plmaint, label, 0)["message"] == "none of 2 certificates is signed with SHA-1 or MD5"
    plmaint.configure({"health.authorities": f"{old},{old}"})
    assert one(plmaint, label, 78)["examples"] == [f"old of {old}: SHA1, by itself"]
    plmaint.configure({"health.certificates": f"{good},{bad}"})
    found = one(plmaint, label, 1)
    assert found["found"] == 2 and found["examples"][0] == f"sha1 of {bad}: SHA1"
    plmaint.configure({"health.certificates": tmp_path / "nosuch.pem", "health.authorities": root})
    assert one(plmaint, label, 3)["result"] == "unknown"


# -- the shell


@pytest.mark.parametrize(
    "label, wrap, text",
    [
        ("host-tmout", ["env", "TMOUT=900"], "900 s"),
        ("host-proxy", ["env", "https_proxy=http://u:secret@proxy"], "1 variable "),
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
    label, digest = "pulp-artifacts-files", "pulp-artifacts-digest"
    images = [site.image("oci") for _ in range(3)]
    assert one(plmaint, label, 0)["message"] == "6 artifacts have their files"
    said = one(plmaint, digest, 0)["message"]
    assert re.fullmatch("(1 file|[2-6] files) of 0.0 MB (is|are) what (its|their) digests? says?, in a sample", said), "as many as time allows"
    images[0].artifact.path.unlink()
    images[1].artifact.path.write_bytes(b"short")
    found = one(plmaint, label, 1, "--full")
    assert re.fullmatch("2 of 6 artifacts have no file of their size, [0-9]+ a second", found["message"])
    assert sorted(found["examples"]) == sorted(
        [f"{images[0].artifact.name}: no file", f"{images[1].artifact.name}: another size"]
    )
    # What remains is whole; then the disk swaps two bytes.
    assert re.fullmatch("4 files of 0.0 MB are .*, [0-9]+ MB/s", one(plmaint, digest, 0, "--full")["message"])
    path = images[2].artifact.path
    path.write_bytes(path.read_bytes()[::-1])
    for n, words in ((4, ("--full",)), (1, ())):
        found = one(plmaint, digest, 1, *words)
        assert found["found"] == 1 and found["message"].startswith(f"1 of {n} file{'s' if n > 1 else ''} does not hash")
        assert found["examples"] == [f"{images[2].artifact.name}: other bytes than its digest says"]
        for other in site.media_root.glob("artifact/*/*"):
            if other != path:
                other.unlink()


def test_files_that_no_artifact_names(plmaint, site, media_root):
    label = "pulp-files-leaked"
    mine = site.image("oci").artifact
    site.image("oci")
    assert one(plmaint, label, 0)["message"] == "4 files belong to artifacts"
    # Beside one of Pulp's, under its whole name and more; a young one may still get its row.
    other = mine.path.with_name(mine.path.name + "_x7Kd2")
    other.write_bytes(b"leak")
    assert one(plmaint, label, 0)["result"] == "ok"
    os.utime(other, (10**9, 10**9))
    os.utime(mine.path, (10**9, 10**9))
    site.sql("UPDATE core_artifact SET file = %s WHERE file = %s", (str(mine.path), mine.name))
    found = one(plmaint, label, 78, "--full")
    assert re.fullmatch("no artifact names 1 of 5 files, which is 4 B, [0-9]+ a second", found["message"])
    assert found["examples"] == [f"{other.relative_to(media_root)}: 4 bytes"]
    site.sql("UPDATE core_artifact SET file = %s WHERE file = %s", (f"{mine.name}_x7Kd2", str(mine.path)))
    assert one(plmaint, label, 78)["examples"] == [f"{mine.name}: {mine.path.stat().st_size} bytes"]
