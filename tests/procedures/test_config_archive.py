# SPDX-License-Identifier: GPL-3.0-or-later
"""backup-config and restore-config: what is in the archive is what was on the host, nobody but the
recipient can read it, and nothing that it holds is put where it does not belong.
"""

import hashlib
import io
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import tarfile
import tempfile

import pytest
from harness import fernet, peak
from harness.apart import apart
from harness.need import need

WEIRD = [b"new\nline", b"latin-\xe9", "umlaut-\u00e9".encode(), b" blank ", b"-dash", b"x" * 200]
ARCHIVE = "config.tar.zst"


def facts(root):
    """All that a restore has to bring back, of each name below root."""
    root, found, links = os.fsencode(root), {}, {}
    for where, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(where, name)
            st = os.lstat(path)
            content = b""
            if stat.S_ISLNK(st.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(st.st_mode):
                content = hashlib.sha256(pathlib.Path(os.fsdecode(path)).read_bytes()).digest()
            names = os.listxattr(path, follow_symlinks=False)
            attributes = {a: os.getxattr(path, a, follow_symlinks=False) for a in names}
            links.setdefault(st.st_ino, set()).add(os.path.relpath(path, root))
            found[os.path.relpath(path, root)] = [
                st.st_mode, st.st_uid, st.st_gid, st.st_mtime_ns, content, attributes, st.st_ino,
            ]
    for fact in found.values():
        fact[-1] = links[fact[-1]]  # the same file, by its names
    return found


@pytest.fixture
def tree(tmp_path):
    """What stands for the configuration of nginx."""
    need(root=True, programs=("setfacl",))
    tree = tmp_path / "tree"
    (tree / "sites").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "sites").chmod(0o2750)
    for name in WEIRD:
        pathlib.Path(os.fsdecode(os.path.join(os.fsencode(tree / "sites"), name))).write_bytes(name * 3)
    secret = tree / "key.pem"
    secret.write_text("-----BEGIN PRIVATE KEY-----\nhunter2\n")
    secret.chmod(0o640)
    os.chown(secret, 1234, 2345)
    os.utime(secret, ns=(10**18, 10**18 + 123456789))
    os.link(secret, tree / "sites" / "hard")
    (tree / "link").symlink_to("../key.pem")
    (tree / "dangling").symlink_to("/nowhere/at all")
    (tree / "nothing").touch()
    os.mkfifo(tree / "fifo")
    here = os.open(tree, os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"/proc/self/fd/{here}/socket")  # tree's own path may be too long
    os.close(here)
    os.setxattr(secret, "user.note", b"\0binary\n")
    os.setxattr(secret, "security.selinux", b"system_u:object_r:cert_t:s0\0")
    subprocess.run(["setfacl", "-m", "u:1235:r", str(tree / "nothing")], check=True)
    subprocess.run(["setfacl", "-d", "-m", "g:1236:rx", str(tree / "empty")], check=True)
    return tree


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "backup"
    path.mkdir()
    return path


def run(plmaint, label, code=0, wrap=(), **params):
    words = [w for k, v in params.items() for w in ("--param", f"{k.replace('_', '-')}={v}")]
    keyring = {k: v for k, v in os.environ.items() if k == "GNUPGHOME"}
    done = plmaint.run("procedure", "run", label, *words, code=code, wrap=wrap, env=keyring)
    ends = done.of("step.end")
    return ends[0] if ends else done


def backup(plmaint, directory, tree, tmp_path, code=0, **params):
    """Of one tree, as the configuration of nginx and nothing else."""
    need(files=("/etc/nginx",))
    empty = tmp_path / "none"
    empty.mkdir(exist_ok=True)
    others = ["/etc/httpd", "/etc/apache2", "/etc/letsencrypt", "/etc/ssl/private", "/etc/pki/tls/private"]
    lines = [f"mount --bind {empty} {d}" for d in others if os.path.isdir(d)]
    wrap = apart(tmp_path, f"mount --bind {tree} /etc/nginx", *lines)
    return run(plmaint, "backup-config", code, wrap, directory=directory, features="web", **params)


def nginx(into):
    return into / "etc" / "nginx"


def unread(tree):
    """What stands in the way of nobody: sockets and FIFOs are not archived."""
    return {k: v for k, v in facts(tree).items() if not (stat.S_ISFIFO(v[0]) or stat.S_ISSOCK(v[0]))}


# -- what is in it


def test_it_brings_back_all_that_was_there(plmaint, tree, directory, tmp_path):
    end = backup(plmaint, directory, tree, tmp_path)
    assert end["result"] == "ok" and "0 could not be read well, 0 changed" in end["message"]
    assert "not encrypted" in end["message"] and "keys and passwords" in end["hint"]
    assert os.listdir(directory) == [ARCHIVE]
    assert stat.S_IMODE((directory / ARCHIVE).stat().st_mode) == 0o600
    into = tmp_path / "into"
    run(plmaint, "restore-config", directory=directory, into=into)
    assert facts(nginx(into)) == unread(tree)
    assert stat.S_IMODE(into.stat().st_mode) == 0o700


def test_by_hand(plmaint, tree, directory, tmp_path):
    """GNU tar needs no word of ours."""
    need(programs=("zstd",))
    backup(plmaint, directory, tree, tmp_path)
    into = tmp_path / "into"
    into.mkdir()
    words = ["tar", "--zstd", "-xpf", directory / ARCHIVE, "--acls", "--xattrs", "--xattrs-include=*", "-C", into]
    subprocess.run([str(w) for w in words], check=True)
    assert facts(nginx(into)) == unread(tree)


def test_links_on_the_way_are_followed_and_kept(plmaint, tree, directory, tmp_path):
    """What the settings name may lie behind links; no name of the archive goes through one."""
    key = tmp_path / "real" / "deep" / "key"
    key.parent.mkdir(parents=True)
    key.write_text(fernet.new_key() + "\n")
    (tmp_path / "one").symlink_to("real/../real")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    plmaint.configure({"pulp.encryption_key": tmp_path / "two" / "deep" / "key"})
    none = "postgresql,redis,web,foreman,katello,candlepin,smart-proxy,puppet,plmaint"
    run(plmaint, "backup-config", directory=directory, skip_features=none)
    into = tmp_path / "into"
    run(plmaint, "restore-config", directory=directory, into=into)
    there = pathlib.Path(f"{into}{tmp_path}")
    assert (there / "real" / "deep" / "key").read_text() == key.read_text()
    assert os.readlink(there / "one") == "real/../real"
    assert os.readlink(there / "two") == str(tmp_path / "one")


def test_there_is_no_backup_without_the_key(plmaint, directory, tmp_path):
    end = run(plmaint, "backup-config", 2, directory=directory)
    assert end["hint"] == "Name its file in pulp.encryption_key."
    plmaint.configure({"pulp.encryption_key": tmp_path / "gone"})
    end = run(plmaint, "backup-config", 1, directory=directory)
    assert "gone: No such file" in end["message"] and "no credential" in end["hint"]
    assert os.listdir(directory) == []


def test_features_are_chosen_by_name(plmaint, directory, tmp_path):
    end = run(plmaint, "backup-config", 2, directory=directory, features="rediss")
    assert end["hint"] == "Did you mean redis?"
    need(files=("/etc/redis/redis.conf", "/etc/nginx"))
    words = ["--param", f"directory={directory}", "--param", "features=redis"]
    told = plmaint.run("procedure", "run", "backup-config", *words, code=0)
    assert "encryption key is not in it" in told.one("notice", level="warning")["message"]
    run(plmaint, "backup-config", directory=directory, features="redis,web", skip_features="web")
    names = tarfile_names(directory / ARCHIVE)
    assert "etc/redis/redis.conf" in names and not [n for n in names if "nginx" in n], names


def tarfile_names(path):
    need(programs=("zstd",))
    raw = subprocess.run(["zstd", "-dc", str(path)], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as t:
        return t.getnames()


def test_memory_is_bounded(plmaint, directory, tmp_path):
    """A file larger than the memory that is allowed."""
    tree = tmp_path / "tree"
    tree.mkdir()
    with open(tree / "large", "wb") as f:
        f.truncate(100 << 20)
    wrap = apart(tmp_path, f"mount --bind {tree} /etc/nginx")
    words = ("procedure", "run", "backup-config", "--param", f"directory={directory}", "--param", "features=web")
    most, _ = peak.peak(Wrapped(plmaint, wrap), "peak", *words, code=0)
    assert most < 48 << 20
    assert (directory / ARCHIVE).stat().st_size > 0


class Wrapped:
    """The program in a mount namespace, for a measure that wraps it too."""

    def __init__(self, plmaint, wrap):
        self.plmaint, self.words, self.directory = plmaint, tuple(wrap), plmaint.directory

    def run(self, *args, wrap=(), **options):
        return self.plmaint.run(*args, wrap=(*self.words, *wrap), **options)


# -- encryption


@pytest.fixture
def age(plmaint, tmp_path):
    need(programs=("age", "age-keygen"))
    identity, recipients = tmp_path / "identity", tmp_path / "recipients"
    subprocess.run(["age-keygen", "-o", str(identity)], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", str(identity)], check=True, capture_output=True).stdout
    recipients.write_bytes(b"# the operators\n" + public)
    plmaint.configure({"backup.encrypt": f"age:{recipients}"})
    return identity


def test_age(plmaint, tree, directory, tmp_path, age):
    end = backup(plmaint, directory, tree, tmp_path)
    assert ", encrypted; " in end["message"] and os.listdir(directory) == [f"{ARCHIVE}.age"]
    assert (directory / f"{ARCHIVE}.age").read_bytes().startswith(b"age-encryption.org/v1")
    into = tmp_path / "into"
    end = run(plmaint, "restore-config", 2, directory=directory, into=into)
    assert "backup.identity" in end["hint"] and not into.exists()
    plmaint.configure({"backup.identity": age})
    run(plmaint, "restore-config", directory=directory, into=into)
    assert facts(nginx(into)) == unread(tree)


def test_another_identity_opens_nothing(plmaint, tree, directory, tmp_path, age):
    backup(plmaint, directory, tree, tmp_path)
    other = tmp_path / "other"
    subprocess.run(["age-keygen", "-o", str(other)], check=True, capture_output=True)
    into = tmp_path / "into"
    end = run(plmaint, "restore-config", 1, directory=directory, into=into, identity=other)
    assert "age ended with status 1: " in end["message"] and not os.listdir(into)


def test_an_encrypted_archive_that_was_changed(plmaint, tree, directory, tmp_path, age):
    """The last byte, too: what age says only at the end is waited for."""
    backup(plmaint, directory, tree, tmp_path)
    archive = directory / f"{ARCHIVE}.age"
    raw = bytearray(archive.read_bytes())
    raw[-1] ^= 1
    archive.write_bytes(raw)
    end = run(plmaint, "restore-config", 1, directory=directory, into=tmp_path / "into", identity=age)
    assert end["result"] == "failed"


def test_recipients_that_are_none(plmaint, tree, directory, tmp_path, age):
    (tmp_path / "recipients").write_text("hunter2\n")
    end = backup(plmaint, directory, tree, tmp_path, 1)
    assert "age" in end["message"] and os.listdir(directory) == []


def test_a_way_to_encrypt_that_is_none(plmaint, tree, directory, tmp_path):
    end = backup(plmaint, directory, tree, tmp_path, 2, encrypt="rot13:me")
    assert "rot13:me" in end["message"] and os.listdir(directory) == []


def test_another_way_replaces_the_archive_of_before(plmaint, tree, directory, tmp_path, age):
    (directory / ARCHIVE).write_bytes(b"plain")
    (directory / f"{ARCHIVE}.007").write_bytes(b"plain")
    backup(plmaint, directory, tree, tmp_path)
    assert os.listdir(directory) == [f"{ARCHIVE}.age"]


@pytest.fixture
def gpg(monkeypatch):
    """A keyring of the test's own; its agent's socket needs a short path."""
    need(programs=("gpg",))
    home = tempfile.mkdtemp(prefix="plm-gpg-")
    monkeypatch.setenv("GNUPGHOME", home)
    words = ["--passphrase", "", "--quick-gen-key", "ops@example.org", "rsa2048", "encrypt"]
    subprocess.run(["gpg", "--batch", "--quiet", *words], check=True, capture_output=True)
    yield home
    subprocess.run(["gpgconf", "--kill", "all"], check=False)
    shutil.rmtree(home, ignore_errors=True)


def test_gpg(plmaint, tree, directory, tmp_path, gpg):
    listed = subprocess.run(["gpg", "--with-colons", "--fingerprint"], check=True, capture_output=True, text=True)
    fingerprint = next(x.split(":")[9] for x in listed.stdout.splitlines() if x.startswith("fpr:"))
    exported = tmp_path / "public"
    subprocess.run(["gpg", "--export", "--output", str(exported), fingerprint], check=True)
    for i, who in enumerate((fingerprint, exported)):
        end = backup(plmaint, directory, tree, tmp_path, encrypt=f"gpg:{who}")
        assert ", encrypted; " in end["message"] and os.listdir(directory) == [f"{ARCHIVE}.gpg"]
        into = tmp_path / f"into{i}"
        run(plmaint, "restore-config", directory=directory, into=into)
        assert facts(nginx(into)) == unread(tree)
    end = backup(plmaint, directory, tree, tmp_path, 1, encrypt="gpg:nobody@example.org")
    assert "gpg ended with status" in end["message"] and os.listdir(directory) == []


# -- pieces


def test_pieces(plmaint, directory, tmp_path, age):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "noise").write_bytes(os.urandom(100_000))
    end = backup(plmaint, directory, tree, tmp_path, max_file_size="30kB")
    names = sorted(os.listdir(directory))
    assert names == [f"{ARCHIVE}.age.{i:03}" for i in range(4)] and "in pieces" in end["message"]
    sizes = [(directory / n).stat().st_size for n in names]
    assert sizes[:3] == [30_000] * 3 and 0 < sizes[3] <= 30_000
    run(plmaint, "restore-config", directory=directory, into=tmp_path / "a", identity=age)
    assert facts(nginx(tmp_path / "a")) == facts(tree)
    whole = b"".join((directory / n).read_bytes() for n in names)
    plain = subprocess.run(["age", "-d", "-i", str(age)], input=whole, check=True, capture_output=True).stdout
    assert plain.startswith(b"\x28\xb5\x2f\xfd")
    # One that is missing is seen, wherever it was.
    for i, name in enumerate(names):
        text = (directory / name).read_bytes()
        (directory / name).unlink()
        end = run(plmaint, "restore-config", 1, directory=directory, into=tmp_path / f"b{i}", identity=age)
        assert end["result"] == "failed"
        (directory / name).write_bytes(text)
    # Made anew as one file, none of them stays.
    backup(plmaint, directory, tree, tmp_path)
    assert os.listdir(directory) == [f"{ARCHIVE}.age"]


def test_a_full_disk_leaves_no_half_archive(plmaint, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "noise").write_bytes(os.urandom(2 << 20))
    small = tmp_path / "small"
    small.mkdir()
    wrap = apart(tmp_path, f"mount -t tmpfs -o size=1m tmpfs {small}", f"mount --bind {tree} /etc/nginx")
    see = ["sh", "-c", f'"$@"; code=$?; ls {small} >{tmp_path}/left; exit $code', "sh"]
    end = run(plmaint, "backup-config", 1, (*wrap, *see), directory=small, features="web")
    assert "No space left" in end["message"]
    assert (tmp_path / "left").read_text() == ""


# -- archives of strangers


def packed(directory, *entries):
    """An archive of (name, changes of its TarInfo, content)."""
    need(programs=("zstd",))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, changes, content in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in changes.items():
                setattr(info, key, value)
            t.addfile(info, io.BytesIO(content))
    words = ["zstd", "-q", "-f", "-o", str(directory / ARCHIVE)]
    subprocess.run(words, input=out.getvalue(), check=True)


def link(target, type=tarfile.SYMTYPE):
    return {"type": type, "linkname": str(target)}


@pytest.mark.parametrize(
    "entries",
    [
        [("../evil", {}, b"x")],
        [("etc/../../evil", {}, b"x")],
        [("/OUT/evil", {}, b"x")],
        [("etc", link("/OUT"), b""), ("etc/evil", {}, b"x")],
        [("etc", link(".."), b""), ("etc/evil", {}, b"x")],
        [("a", link("/OUT"), b""), ("b", link("a"), b""), ("b/evil", {}, b"x")],
        [("a", link("/OUT/victim"), b""), ("a", {}, b"x")],
        [("hard", link("/OUT/victim", tarfile.LNKTYPE), b"")],
        [("hard", link("../victim", tarfile.LNKTYPE), b"")],
        [("a", link("/OUT"), b""), ("hard", link("a/victim", tarfile.LNKTYPE), b""), ("hard", {}, b"x")],
        [("null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}, b"")],
        [("fifo", {"type": tarfile.FIFOTYPE}, b"")],
    ],
    ids=lambda entries: "+".join(name for name, _, _ in entries).replace("/", "_"),
)
def test_nothing_leaves_the_directory(plmaint, directory, tmp_path, entries):
    out = tmp_path / "out"
    out.mkdir()
    (out / "victim").write_text("as it was")
    (tmp_path / "victim").write_text("as it was")

    def real(text):
        return str(text).replace("/OUT", str(out))

    def changed(changes):
        return {k: real(v) if k == "linkname" else v for k, v in changes.items()}

    packed(directory, *[(real(name), changed(changes), content) for name, changes, content in entries])
    into = tmp_path / "into"
    end = run(plmaint, "restore-config", (0, 1), directory=directory, into=into)
    # A file may take the place of a link of its own name: that is inside.
    if entries[-1][0] != "a":
        assert end["result"] == "failed", end
    assert os.listdir(out) == ["victim"] and (out / "victim").read_text() == "as it was"
    assert (out / "victim").stat().st_nlink == 1 and (tmp_path / "victim").stat().st_nlink == 1
    assert sorted(os.listdir(tmp_path)) == ["backup", "into", "media", "out", "plmaint", "victim"]
    assert not any(stat.S_ISCHR(os.lstat(into / n).st_mode) for n in os.listdir(into))


@pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
def test_a_damaged_archive(plmaint, tree, directory, tmp_path, damage):
    backup(plmaint, directory, tree, tmp_path)
    raw = (directory / ARCHIVE).read_bytes()
    bad = {"empty": b"", "cut": raw[: len(raw) // 2], "noise": b"noise" * 1000}[damage]
    (directory / ARCHIVE).write_bytes(bad)
    end = run(plmaint, "restore-config", 1, directory=directory, into=tmp_path / "into")
    assert "the archive is damaged" in end["message"]


def test_no_archive_two_archives_or_a_link(plmaint, directory, tmp_path):
    into = tmp_path / "into"
    assert "holds no config.tar.zst" in run(plmaint, "restore-config", 1, directory=directory, into=into)["message"]
    (directory / ARCHIVE).symlink_to("/etc/passwd")
    assert run(plmaint, "restore-config", 1, directory=directory, into=into)["result"] == "failed"
    (directory / f"{ARCHIVE}.age").touch()
    assert "two archives" in run(plmaint, "restore-config", 1, directory=directory, into=into)["message"]
    assert not into.exists()


def test_a_directory_in_use_is_refused(plmaint, directory, tmp_path):
    packed(directory, ("etc/x", {}, b"x"))
    into = tmp_path / "into"
    into.mkdir()
    (into / "mine").touch()
    end = run(plmaint, "restore-config", 2, directory=directory, into=into)
    assert end["message"].endswith("is not empty") and os.listdir(into) == ["mine"]


# -- differences


def test_what_differs_is_told(plmaint, directory, tmp_path):
    need(root=True)
    there = tmp_path / "there"
    there.mkdir()
    for name in ("same", "content", "mode", "owner", "missing", "type", "only-here"):
        (there / name).write_text(name)
    (there / "link").symlink_to("a")
    os.chown(there / "same", 0, 0)
    tree = tmp_path / "tree"
    shutil.copytree(there, tree, symlinks=True)
    (tree / "only-here").unlink()
    packed(directory, *[tar_entry(tree / name, there / name) for name in sorted(os.listdir(tree))])
    (there / "content").write_text("CONTENT")
    (there / "mode").chmod(0o600)
    os.chown(there / "owner", 7, 7)
    (there / "missing").unlink()
    (there / "type").unlink()
    (there / "type").mkdir()
    (there / "link").unlink()
    (there / "link").symlink_to("b")
    words = ("--param", f"directory={directory}", "--param", f"into={tmp_path / 'into'}")
    done = plmaint.run("procedure", "run", "restore-config", *words, code=0)
    mine = [e for e in done.of("difference") if e["path"].startswith(f"{there}/")]
    found = {pathlib.Path(e["path"]).name: e["kind"] for e in mine}
    kinds = ("content", "mode", "owner", "missing", "type", "link")
    assert found == {k: k for k in kinds}
    assert "1 are not installed" in done.one("step.end")["message"]


def tar_entry(path, name):
    st = path.lstat()
    changes = {"mode": stat.S_IMODE(st.st_mode), "uid": st.st_uid, "gid": st.st_gid, "mtime": int(st.st_mtime)}
    if path.is_symlink():
        return str(name).lstrip("/"), {**changes, **link(os.readlink(path))}, b""
    return str(name).lstrip("/"), changes, path.read_bytes()
