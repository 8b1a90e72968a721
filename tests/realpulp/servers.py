# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a real Pulp with its PostgreSQL, Redis and nginx, on loopback and unix sockets only.

Everything started here dies with the test run, and stands in a directory of its own.
"""
import base64
import contextlib
import http.client
import io
import json
import subprocess
from pathlib import Path

import psycopg2.extensions

import pulpenv
from harness import pg, process, redisd

ADMIN = ("admin", "password")
# Fixed, because it decrypts what the cached databases hold; it guards nothing but test data.
DB_KEY = base64.urlsafe_b64encode(b"plmaint-real-pulp-test-key-32byt").decode()


def spawn(argv, log, env=None):
    return subprocess.Popen(
        [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        env=env, cwd="/", preexec_fn=process.die_with_parent)


def end(child, seconds=20):
    """Ends a process; what it has started itself and left behind is ended too."""
    if child.poll() is None:
        family = process.children(child.pid)
        child.terminate()
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        process.kill_hard(family)


class Session(psycopg2.extensions.connection):
    """A connection that runs statements itself; `with` closes it."""

    def execute(self, sql, args=None):
        cur = self.cursor()
        cur.execute(sql, args)
        return cur

    def one(self, sql, args=None):
        return self.execute(sql, args).fetchone()

    def copy(self, table, columns, rows):
        """COPY of Python values; text that needs it is escaped."""

        def text(v):
            if v is None:
                return "\\N"
            v = str(v)
            if "\\" in v or "\t" in v or "\n" in v or "\r" in v:
                for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"),
                                       ("\r", "\\r")):
                    v = v.replace(plain, escaped)
            return v

        data = io.StringIO("".join("\t".join(map(text, row)) + "\n" for row in rows))
        names = ", ".join(columns)
        self.cursor().copy_expert(f"COPY {table} ({names}) FROM STDIN", data)

    def __exit__(self, *_):
        self.close()


class Postgres(pg.Cluster):
    """The harness's cluster with what a real Pulp needs on top: more connections, dump, restore."""

    def __init__(self, base, fsync=False, settings=None):
        pulpenv.need("initdb", "postgres", "pg_dump", "pg_restore")
        Path(base).mkdir(parents=True)
        super().__init__(fsync, {"max_connections": "200", "autovacuum_naptime": "1h",
                                 "max_wal_size": "256MB", **(settings or {})}, base)
        self.start()

    def session(self, db, user="pulp"):
        conn = psycopg2.connect(self.conninfo(db, user), connection_factory=Session)
        conn.autocommit = True
        return conn

    def dump(self, db, path):
        with open(path, "wb") as out:
            subprocess.run([pg.bindir() / "pg_dump", "-Fc", "-d", self.conninfo(db, "postgres")],
                           stdout=out, check=True)

    def restore(self, db, path):
        self.create(db)
        with open(path, "rb") as src:
            subprocess.run([pg.bindir() / "pg_restore", "-d", self.conninfo(db, "postgres")],
                           stdin=src, check=True)


SETTINGS = """\
SECRET_KEY = "for tests only"
CONTENT_ORIGIN = "http://127.0.0.1:{port}"
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "HOST": "{pg_host}",
                           "PORT": "{pg_port}", "NAME": "{db}", "USER": "pulp",
                           "CONN_MAX_AGE": 60}}}}
CACHE_ENABLED = True
REDIS_HOST = "127.0.0.1"
REDIS_PORT = {redis_port}
TOKEN_AUTH_DISABLED = True
ANALYTICS = False
MEDIA_ROOT = "{base}/media"
WORKING_DIRECTORY = "{base}/tmp"
FILE_UPLOAD_TEMP_DIR = "{base}/tmp"
STATIC_ROOT = "{base}/assets"
DB_ENCRYPTION_KEY = "{base}/database_fields.symmetric.key"
# Basic authentication at the default strength costs a third of a second for each request.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher",
                    "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
"""

NGINX = """\
daemon off;
master_process off;
pid {base}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
  log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent $request_time';
  access_log {base}/access.log timed;
  client_max_body_size 0;
  client_body_temp_path {base}/ngx-body; proxy_temp_path {base}/ngx-proxy;
  fastcgi_temp_path {base}/ngx-f; uwsgi_temp_path {base}/ngx-u; scgi_temp_path {base}/ngx-s;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_read_timeout 120s;
  server {{
    listen 127.0.0.1:{port};
    location /pulp/content/ {{ proxy_pass http://unix:{base}/content.sock; }}
    location /pulp/container/ {{ proxy_pass http://unix:{base}/content.sock; }}
    location / {{ proxy_pass http://unix:{base}/api.sock; }}
  }}
}}
"""


class Pulp:
    """One Pulp of a release over one database and one media directory (base/media)."""

    def __init__(self, level, base, cluster, db):
        pulpenv.need("redis-server", "nginx")
        self.level, self.base, self.pg, self.db = level, Path(base), cluster, db
        self.venv = pulpenv.venv(level)
        for d in ("media", "tmp", "assets"):
            (self.base / d).mkdir(parents=True, exist_ok=True)
        self.port, self.redis_port = pg.free_port(), pg.free_port()
        self.settings = self.base / "settings.py"
        self.write_settings()
        (self.base / "database_fields.symmetric.key").write_text(DB_KEY + "\n")
        self.env = {
            "PATH": f"{self.venv}/bin:/usr/bin:/bin",
            "HOME": str(self.base),
            "LANG": "C.UTF-8",
            "PULP_SETTINGS": str(self.settings),
            "DJANGO_SETTINGS_MODULE": "pulpcore.app.settings",
        }
        self.running, self.redis = {}, None
        self.log = open(self.base / "pulp.log", "ab")

    def write_settings(self):
        self.settings.write_text(SETTINGS.format(
            port=self.port, redis_port=self.redis_port, pg_host=self.pg.sockets, pg_port=pg.PORT,
            db=self.db, base=self.base))

    @property
    def media(self):
        return self.base / "media"

    @property
    def access_log(self):
        return self.base / "access.log"

    @property
    def redis_url(self):
        return f"redis://127.0.0.1:{self.redis_port}/0"

    def manager(self, *argv, check=True):
        r = subprocess.run([self.venv / "bin/pulpcore-manager", *argv], env=self.env, cwd="/",
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and r.returncode:
            raise AssertionError(f"pulpcore-manager {argv[0]}: {r.stdout[-2000:]}")
        return r

    def manager_popen(self, *argv, log=None):
        return spawn([self.venv / "bin/pulpcore-manager", *argv], log or self.log, env=self.env)

    def start_redis(self):
        if self.redis is None:
            self.redis = redisd.Redis()
            self.redis.port = self.redis_port
            self.redis.start()

    def start(self, workers=1):
        self.start_redis()
        (self.base / "nginx.conf").write_text(NGINX.format(base=self.base, port=self.port))
        b = self.venv / "bin"
        r = self.running
        r["api"] = spawn([b / "pulpcore-api", "-b", f"unix:{self.base}/api.sock", "-w", "2",
                          "--timeout", "120"], self.log, env=self.env)
        r["content"] = spawn([b / "pulpcore-content", "-b", f"unix:{self.base}/content.sock",
                              "-w", "2"], self.log, env=self.env)
        for n in range(workers):
            r[f"worker{n}"] = spawn([b / "pulpcore-worker"], self.log, env=self.env)
        r["nginx"] = spawn(["/usr/sbin/nginx", "-c", self.base / "nginx.conf", "-e", "stderr"],
                           self.log)

        def ready():
            dead = [name for name, p in r.items() if p.poll() is not None]
            assert not dead, f"{dead} ended, see {self.log.name}"
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                status, _, body = self.http("GET", "/pulp/api/v3/status/")
                s = json.loads(body) if status == 200 else {}
                return (len(s.get("online_workers", [])) >= workers
                        and s.get("online_content_apps"))

        process.wait_until(ready, 120, "Pulp is up", 0.2)

    def stop(self):
        for name in sorted(self.running, reverse=True):
            end(self.running.pop(name))
        if self.redis:
            self.redis.close()
            self.redis = None

    def connection(self, timeout=120):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def http(self, method, path, body=None, headers=None, auth=True, connection=None):
        """One request; (status, headers with lower-case names, body). Redirects not followed."""
        c = connection or self.connection()
        h = dict(headers or {})
        if auth:
            h["Authorization"] = "Basic " + base64.b64encode(":".join(ADMIN).encode()).decode()
        c.request(method, path, body, h)
        r = c.getresponse()
        data = r.read()
        if not connection:
            c.close()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, data

    def api(self, method, path, document=None, ok=(200, 201, 202, 204)):
        """A REST call with JSON in and out; path from the API's root or a pulp_href."""
        if not path.startswith("/"):
            path = "/pulp/api/v3/" + path
        body = None if document is None else json.dumps(document)
        status, _, data = self.http(method, path, body, {"Content-Type": "application/json"})
        assert status in ok, f"{method} {path}: {status} {data[:500]!r}"
        return json.loads(data) if data else None

    def wait_task(self, answer, seconds=120, check=True):
        """Waits for the task of a 202 answer; its final document."""
        final = ("completed", "failed", "canceled", "skipped")

        def done():
            t = self.api("GET", answer["task"])
            return t if t["state"] in final else None

        task = process.wait_until(done, seconds, f"task {answer['task']} ends", 0.1)
        if check:
            assert task["state"] == "completed", task
        return task

    def close(self):
        self.stop()
        self.log.close()
