# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode, by the real nft: what another host sees of the ports, and what status says."""

import contextlib
import os
import pathlib
import subprocess

import built
import pytest

from harness import cli, netns, process
from harness.need import need
from harness.process import wait_until

V4, V6 = "192.0.2.1", "2001:db8::1"  # of the host, as seen from outside
OUTSIDE = "192.0.2.2"
TABLE = "table inet plmaint_maintenance"


@pytest.fixture(scope="module")
def cabled():
    """The host with Pulp, and one that is a client of it. The kernel takes a second to see a new cable."""
    need(programs=("nft",))
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(contextlib.closing(netns.Host()))
        outside = stack.enter_context(contextlib.closing(netns.Host()))
        netns.cable(here, outside, "eth0", [(f"{V4}/24", f"{OUTSIDE}/24"), (f"{V6}/64", "2001:db8::2/64")])
        yield here, outside


@pytest.fixture
def hosts(cabled):
    """Nothing is closed, and nobody listens yet."""
    yield cabled
    cabled[0].nft("flush ruleset")
    for host in cabled:
        host.silence()


@pytest.fixture
def here(hosts):
    hosts[0].serve(80, 443, 24817, 5432)
    return hosts[0]


@pytest.fixture
def outside(hosts):
    return hosts[1]


# What a host has in the place of nft: the program that answers to the name of iptables.
INSTEAD = {"iptables": "iptables-nft", "iptables-legacy": "iptables-legacy"}
ANSWER = 'mount --bind "$(readlink -f "$(command -v "$1")")" "$(readlink -f /usr/sbin/iptables)" && shift && '
HIDE = "mount --bind /dev/null /usr/sbin/nft && "
# The matches and the target that are asked for.
PROBE = "-p tcp -m time --datestop 2030-01-01T00:00:00 -m conntrack --ctstate DNAT -j REJECT --reject-with tcp-reset"
NFT_OR_NOT = pytest.mark.parametrize("tool", ["nft", "iptables"], indirect=True)
EACH = pytest.mark.parametrize("tool", ["nft", "iptables", "iptables-legacy"], indirect=True)
NO_NFT = pytest.mark.parametrize("tool", ["iptables"], indirect=True)
BOTH = pytest.mark.parametrize("tool", ["iptables", "iptables-legacy"], indirect=True)


def with_iptables(here, name):
    """What stands before a command on a host without nft, and on the same host when nft has come."""
    need(programs=("iptables", name))
    probe = subprocess.run([*here.enter, name, "-A", "INPUT", *PROBE.split()], capture_output=True, text=True, check=False)
    need(when=probe.returncode == 0, why=f"this kernel has not all that {name} asks for: {probe.stderr.strip()}")
    here.run(name, "-F")
    return [("unshare", "--mount", "sh", "-c", f'{do}exec "$@"', "sh", name) for do in (ANSWER + HIDE, ANSWER)]


def waiting(tool):
    """Processes that wait for the end of the time of a closure."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"await-end" in words and f"general.state_dir={tool.state_dir}".encode() in words:
                found.append(int(path.parent.name))
    return found


def is_waited_for(tool):
    wait_until(lambda: waiting(tool), 30, "somebody waits for the end of the time")


def end_waiting(tool):
    process.kill_hard(waiting(tool))
    wait_until(lambda: not waiting(tool), 10, "nobody waits for the end of a time")


@pytest.fixture
def tool(tmp_path, here, request):
    """Its host has nft, or what the test wants instead."""
    # Files and units of this machine are not the tests' to stop.
    schedules = {"maintenance-mode.timers": "plmaint-no-such.timer", "maintenance-mode.cron": tmp_path / "cron.d" / "pulp*"}
    made = cli.Plmaint(tmp_path / "plmaint", settings=schedules)
    made.firewall = getattr(request, "param", "nft")
    made.instead, made.beside = ((), ()) if made.firewall == "nft" else with_iptables(here, INSTEAD[made.firewall])
    hide = ()
    if os.path.exists("/run/systemd/system"):
        hide = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run/systemd && exec "$@"', "sh")
    plain = made.start
    made.start = lambda *args, wrap=(), **more: plain(*args, wrap=(*here.enter, *hide, *made.instead, *wrap), **more)
    yield made
    made.close()
    end_waiting(made)
    if made.firewall == "iptables-legacy":
        for command in ("iptables-legacy", "ip6tables-legacy"):
            here.run(command, "-F")
            here.run(command, "-X")


def rules(tool, here):
    """All that other programs show of ours."""
    if tool.firewall == "nft":
        return here.run("nft", "list", "ruleset")
    names = INSTEAD[tool.firewall], INSTEAD[tool.firewall].replace("ip", "ip6", 1)
    shown = "".join(here.run(name, "-S") for name in names)
    return "".join(line for line in shown.splitlines() if "PLMAINT" in line)


def mode(tool, *args, **more):
    return tool.run("maintenance-mode", *args, **more)


def status(tool, code=0):
    return mode(tool, "status", code=code).one("maintenance")


def results(done):
    return [(e["label"], e["result"]) for e in done.of("step.end")]


def is_closed(here, outside, port=443):
    """Both families agree, and this host gets through in any case."""
    assert here.reaches("127.0.0.1", port) and here.reaches("::1", port) and here.reaches(V4, port)
    seen = {outside.reaches(V4, port), outside.reaches(V6, port)}
    assert len(seen) == 1, "one family is open, the other closed"
    return not seen.pop()


@EACH
def test_on_and_off_as_seen_from_outside(tool, here, outside):
    assert not is_closed(here, outside) and status(tool)["state"] == "off"
    standing = outside.connect(V4, 443)
    mode(tool, "start", code=0)
    for port in (80, 443, 24817):
        assert is_closed(here, outside, port)
    assert not is_closed(here, outside, 5432)
    with pytest.raises(ConnectionError):
        netns.say(standing)
    standing.close()
    told = status(tool)
    assert (told["state"], told["ports"]) == ("on", "80,443,24816,24817") and "left" not in told
    mode(tool, "is-enabled", code=0)
    assert results(mode(tool, "start", code=0)) == [("host-firewall-close", "not-needed"), ("host-schedules-stop", "not-needed")]
    mode(tool, "stop", code=0)
    assert not is_closed(here, outside) and status(tool)["state"] == "off"
    mode(tool, "is-enabled", code=1)
    assert results(mode(tool, "stop", code=0)) == [("host-firewall-open", "not-needed"), ("host-schedules-start", "not-needed")]
    assert rules(tool, here) == ""


@NFT_OR_NOT
def test_this_host_still_reaches_others(tool, here, outside):
    """An upgrade fetches packages over the very ports that are closed to others."""
    outside.serve(443)
    mode(tool, "start", code=0)
    assert here.reaches(OUTSIDE, 443) and here.reaches("2001:db8::2", 443)


@NFT_OR_NOT
def test_the_kernel_opens_when_the_time_is_over(tool, here, outside):
    mode(tool, "start", "--for", "30s", code=0)
    assert is_closed(here, outside)
    told = status(tool)
    assert told["state"] == "on" and 0 < told["left"] <= 31
    mode(tool, "start", "--for", "1s", code=0)
    wait_until(lambda: outside.reaches(V4, 443), 30, "the kernel opens the port")
    assert not is_closed(here, outside)
    wait_until(lambda: status(tool)["state"] == "off", 10, "the time is over by the note too", poll=0.1)
    mode(tool, "stop", code=0)
    assert rules(tool, here) == ""


@NFT_OR_NOT
def test_a_time_is_prolonged_and_turned_into_a_hold(tool, here, outside):
    mode(tool, "start", "--for", "30s", code=0)
    mode(tool, "start", "--for", "1h", code=0)
    assert status(tool)["left"] > 3000
    mode(tool, "start", code=0)
    assert "left" not in status(tool) and is_closed(here, outside)


@NFT_OR_NOT
def test_some_are_let_in(tool, here, outside):
    tool.configure({"maintenance-mode.allow": "198.51.100.0/24, 2001:db8:1::/48"})
    mode(tool, "start", "--allow", "192.0.2.2", code=0)
    assert outside.reaches(V4, 443) and not outside.reaches(V6, 443)
    assert set(status(tool)["allowed"].split(",")) == {"192.0.2.2", "198.51.100.0/24", "2001:db8:1::/48"}
    mode(tool, "start", "--allow", "2001:db8::/64", "--allow", "192.0.2.77/25", code=0)
    assert outside.reaches(V4, 443) and outside.reaches(V6, 443)
    done = mode(tool, "start", "--allow", "192.0.2.0/33", code=2)
    assert "'192.0.2.0/33' is no network" in done.out
    assert outside.reaches(V6, 443), "a wrong word changes nothing"


@EACH
def test_a_port_that_a_container_has_been_given(tool, here, outside):
    """Its address is translated before any rule for what comes in; it answers on a port of its own."""
    with contextlib.closing(netns.Host()) as container:
        netns.cable(here, container, "podman0", [("10.88.0.1/16", "10.88.0.2/16"), ("fd88::1/64", "fd88::2/64")])
        container.ip("route", "add", "default", "via", "10.88.0.1")
        container.ip("-6", "route", "add", "default", "via", "fd88::1")
        here.run("sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        here.nft(
            "table inet engine {\n chain in {\n type nat hook prerouting priority dstnat;\n"
            "ip daddr 192.0.2.1 tcp dport 8443 dnat ip to 10.88.0.2:443\n"
            "ip6 daddr 2001:db8::1 tcp dport 8443 dnat ip6 to [fd88::2]:443\n}\n}\n"
        )
        container.serve(443, 5000)
        outside.ip("route", "replace", "10.88.0.0/16", "via", V4)
        tool.configure({"maintenance-mode.ports": "8443"})
        assert outside.reaches(V4, 8443) and outside.reaches(V6, 8443)
        mode(tool, "start", code=0)
        assert not outside.reaches(V4, 8443) and not outside.reaches(V6, 8443)
        assert outside.reaches("10.88.0.2", 443), "what is only routed here is another host's"
        assert "10.88.0.2" in here.run("nft", "list", "table", "inet", "engine")
        mode(tool, "stop", code=0)
        assert outside.reaches(V4, 8443) and outside.reaches(V6, 8443)


def test_what_another_firewall_accepts_is_closed_all_the_same(tool, here, outside):
    here.nft("table inet site {\n chain in {\n type filter hook input priority 0;\n tcp dport 443 accept\n}\n}\n")
    mode(tool, "start", code=0)
    assert is_closed(here, outside)
    mode(tool, "stop", code=0)
    assert "tcp dport 443 accept" in here.run("nft", "list", "ruleset")


def test_where_pulp_listens_is_found(tool, hosts):
    here = hosts[0]
    with netns.listening_as(here, "pulpcore-content", 24999), netns.listening_as(here, "pulpcore-api", 24998, "127.0.0.1"):
        mode(tool, "start", code=0)
    assert status(tool)["ports"] == "80,443,24816,24817,24999"


def test_sshd_keeps_its_port(tool, hosts):
    here, outside = hosts
    tool.configure({"maintenance-mode.ports": "2222"})
    with netns.listening_as(here, "sshd", 2222):
        done = mode(tool, "start", code=78)
        assert "ports 2222 stay open" in done.one("step.end", label="host-firewall-close")["message"]
        assert status(tool)["ports"] == "80,443,24816,24817"


@pytest.mark.parametrize("how", ["own", "parent"])
def test_the_port_of_the_session_stays_open(tool, hosts, how):
    """sudo takes the variable away, and the shell above still has it."""
    words = f"{OUTSIDE} 40000 {V4} 443"
    if how == "own":
        done = mode(tool, "start", code=78, env={"SSH_CONNECTION": words})
    else:
        # The shell stays: it has something to do afterwards.
        above = ("env", f"SSH_CONNECTION={words}", "sh", "-c", 'env -u SSH_CONNECTION "$@"; exit $?', "sh")
        done = mode(tool, "start", code=78, wrap=above)
    assert "ports 443 stay open" in done.one("step.end", label="host-firewall-close")["message"]
    assert hosts[1].connect(V4, 443).close() is None
    assert not hosts[1].reaches(V4, 80)


def test_status_reads_the_kernel(tool, here, outside):
    """Whoever flushes all rules opens the site, whatever our note says."""
    mode(tool, "start", code=0)
    here.nft("flush ruleset")
    told = status(tool, code=1)
    assert told["state"] == "half" and "the kernel closes nothing" in told["message"]
    mode(tool, "is-enabled", code=1)
    mode(tool, "start", code=0)
    assert is_closed(here, outside) and status(tool)["state"] == "on"
    here.nft(f"flush chain {TABLE.removeprefix('table ')} input")
    assert status(tool, code=1)["state"] == "half"
    mode(tool, "start", code=0)
    (tool.state_dir / "maintenance-mode").unlink()
    told = status(tool, code=1)
    assert told["state"] == "half" and "no note" in told["message"]
    mode(tool, "stop", code=0)
    assert status(tool)["state"] == "off" and not is_closed(here, outside)


@NO_NFT
def test_rules_that_iptables_has_before_ours_or_no_more(tool, here, outside):
    """What another firewall accepts before us is open; one family is not both."""
    mode(tool, "start", code=0)
    for change in ("iptables-nft -I INPUT -j ACCEPT", "ip6tables-nft -F PLMAINT-MAINTENANCE"):
        here.run(*change.split())
        assert status(tool, code=1)["state"] == "half"
        mode(tool, "start", code=0)
        assert is_closed(here, outside) and status(tool)["state"] == "on"
    mode(tool, "stop", code=0)
    assert rules(tool, here) == "" and "-A INPUT -j ACCEPT" in here.run("iptables-nft", "-S")


@BOTH
def test_nft_comes_while_iptables_keeps_the_ports_closed(tool, here, outside):
    """An upgrade of the system may bring it, and take it away."""
    without, beside = tool.instead, tool.beside
    mode(tool, "start", code=0)
    tool.instead = beside
    assert status(tool)["state"] == "on" and is_closed(here, outside)
    mode(tool, "is-enabled", code=0)
    mode(tool, "stop", code=0)
    assert rules(tool, here) == "" and not is_closed(here, outside) and status(tool)["state"] == "off"
    # What is closed anew is closed by the one that is asked first, and by no other.
    for way, more in ((without, ()), (beside, ("--allow", "198.51.100.7"))):
        tool.instead = way
        mode(tool, "start", "--allow", OUTSIDE, *more, code=0)
    assert rules(tool, here) == "" and outside.reaches(V4, 443) and not outside.reaches(V6, 443)
    # A kill in between leaves both.
    note = tool.state_dir / "maintenance-mode"
    kept = note.read_text()
    note.unlink()
    tool.instead = without
    mode(tool, "start", code=0)
    note.write_text(kept)
    told = status(tool, code=3)
    assert told["message"] == "the ports were closed by nft, which is not here any more" and "Install nft" in told["hint"]
    mode(tool, "stop", code=1)
    tool.instead = beside
    assert "both nft and iptables" in status(tool, code=1)["message"] and not outside.reaches(V4, 443)
    mode(tool, "start", "--allow", OUTSIDE, code=0)
    assert status(tool)["state"] == "on" and rules(tool, here) == "" and outside.reaches(V4, 443)


def test_a_note_that_cannot_be_read(tool, here, outside):
    mode(tool, "start", code=0)
    (tool.state_dir / "maintenance-mode").write_text("since = yesterday\n")
    told = status(tool, code=3)
    assert told["state"] == "unknown" and "maintenance-mode stop" in told["hint"]
    mode(tool, "stop", code=0)
    assert status(tool)["state"] == "off" and not is_closed(here, outside)


def test_without_rights_or_tools_it_says_so(tool, here):
    nobody = ("setpriv", "--reuid=65534", "--clear-groups")
    told = mode(tool, "status", code=3, config=False, wrap=nobody).one("maintenance")
    assert told["state"] == "unknown" and "Run it as root" in told["hint"]
    done = mode(tool, "start", code=1, config=False, wrap=nobody)
    assert "root" in done.one("step.end", label="host-firewall-close")["message"]
    done = tool.run("service", "stop", code=1)
    assert "not run by systemd" in done.one("step.end", label="services-stop")["message"]
    neither = ("unshare", "--mount", "sh", "-c", 'for f in nft iptables; do mount --bind /dev/null /usr/sbin/$f; done; exec "$@"', "sh")
    done = mode(tool, "start", code=1, wrap=neither)
    assert "neither nft nor iptables" in done.one("step.end", label="host-firewall-close")["message"]
    # Root, and yet without the right to the network: a container.
    bound = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
    done = mode(tool, "start", code=1, wrap=bound)
    assert "CAP_NET_ADMIN" in done.one("step.end", label="host-firewall-close")["hint"]


@contextlib.contextmanager
def renewing(tool, here, seconds):
    """A program that closes port 443 for a time and renews it."""
    proc = subprocess.Popen(
        [*here.enter, *tool.instead, built.program("../host/closure_tool"), tool.state_dir, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=process.die_with_parent,
    )
    try:
        assert proc.stdout.readline() == "ready\n"
        yield proc
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()


def ends_at(tool):
    lines = (tool.state_dir / "maintenance-mode").read_text().splitlines()
    return next(float(line.split(" = ")[1]) for line in lines if line.startswith("until"))


def is_renewed(tool, times=2):
    for _ in range(times):
        before = ends_at(tool)
        wait_until(lambda before=before: ends_at(tool) > before, 30, "the time is renewed")


@NFT_OR_NOT
def test_a_dead_program_leaves_the_site_open(tool, here, outside):
    with renewing(tool, here, 3) as proc:
        is_renewed(tool)
        assert is_closed(here, outside) and status(tool)["state"] == "on"
        keeper = process.children(proc.pid)
        proc.kill()
        wait_until(lambda: not any(map(process.alive, keeper)), 10, "nobody renews any more")
        wait_until(lambda: outside.reaches(V4, 443), 30, "the kernel opens the port")


@pytest.mark.parametrize("then", ["start", "stop"])
def test_who_decides_anew_ends_the_renewal(tool, here, outside, then):
    with renewing(tool, here, 3) as proc:
        is_renewed(tool, 1)
        mode(tool, then, code=0)
        keeper = process.children(proc.pid)
        wait_until(lambda: not any(map(process.alive, keeper)), 30, "nobody renews any more")
        assert is_closed(here, outside) == (then == "start")
        assert status(tool)["state"] == ("on" if then == "start" else "off")


@pytest.fixture
def cron(tmp_path):
    """Tables as packages and operators leave them."""
    path = tmp_path / "cron.d"
    path.mkdir()
    for name, bits in (("pulp-cleanup", 0o640), ("pulp-report", 0o644), ("other", 0o644)):
        (path / name).write_text(f"0 3 * * * root {name}\n")
        (path / name).chmod(bits)
        os.utime(path / name, ns=(10**18, 10**18 + 1))
    return path


def look_of(folder):
    """All that a file is, by name."""
    return {
        p.name: (p.read_text(), (s := p.stat()).st_mode, s.st_ino, s.st_mtime_ns) for p in folder.iterdir()
    }


def test_tables_of_cron_are_set_aside_and_come_back_as_they_were(tool, cron):
    before = look_of(cron)
    mode(tool, "start", code=0)
    assert sorted(p.name for p in cron.iterdir() if not p.name.startswith(".")) == ["other"]
    told = status(tool)
    assert (told["state"], told["tables"]) == ("on", 2)
    mode(tool, "stop", code=0)
    assert look_of(cron) == before and status(tool)["tables"] == 0


def test_a_table_that_an_upgrade_has_changed_is_not_overwritten(tool, cron):
    mode(tool, "start", code=0)
    (cron / "pulp-cleanup").write_text("# new\n")
    told = status(tool, code=1)
    assert told["state"] == "half" and "1 table of cron are not stopped" in told["message"]
    done = mode(tool, "stop", code=78).one("step.end", label="host-schedules-start")
    assert "pulp-cleanup was put there anew" in done["message"]
    assert (cron / "pulp-cleanup").read_text() == "# new\n"
    assert (cron / ".pulp-cleanup.plmaint").read_text().startswith("0 3 ")
    assert (cron / "pulp-report").exists() and status(tool)["state"] == "off"


def test_tables_come_back_when_the_time_is_over(tool, cron):
    table = cron / "pulp-report"
    before, moved = look_of(cron), table.stat().st_ctime_ns
    mode(tool, "start", "--for", "1s", code=0)

    def back():
        with contextlib.suppress(FileNotFoundError):  # the name of one is just being changed
            return look_of(cron) == before

    wait_until(back, 60, "the tables are in force again")
    assert table.stat().st_ctime_ns > moved, "they were never set aside"
    wait_until(lambda: status(tool)["state"] == "off", 60, "nothing is left", poll=0.1)
    wait_until(lambda: not waiting(tool), 60, "whoever has waited has gone")


def test_tables_that_nobody_brings_back_are_told(tool, hosts, cron):
    mode(tool, "start", "--for", "1h", code=0)
    is_waited_for(tool)
    end_waiting(tool)
    hosts[0].nft("flush ruleset")
    path = tool.state_dir / "maintenance-mode"
    path.write_text("".join("until = 5\n" if s.startswith("until") else s for s in path.read_text().splitlines(True)))
    told = status(tool, code=1)
    assert told["state"] == "half" and "2 tables of cron are stopped" in told["message"]
    # A time that is given to what is stopped already has somebody who waits for it.
    mode(tool, "start", code=0)
    mode(tool, "start", "--for", "1h", code=0)
    is_waited_for(tool)
    mode(tool, "stop", code=0)
    assert status(tool)["state"] == "off"
    done = mode(tool, "await-end", code=0)
    assert "not closed for a time" in done.one("step.end", label="host-schedules-await")["message"]


def test_after_a_reboot(tool, here, outside, cron):
    """A reboot is a kernel that has forgotten: what was held is put back, what had a time is over."""
    before = look_of(cron)
    mode(tool, "start", "--allow", OUTSIDE, code=0)
    here.nft("flush ruleset")
    assert results(mode(tool, "resume", code=0)) == [("host-maintenance-resume", "ok")]
    told = status(tool)
    assert (told["state"], told["allowed"], told["tables"]) == ("on", OUTSIDE, 2)
    assert outside.reaches(V4, 443) and not outside.reaches(V6, 443)
    mode(tool, "start", "--for", "1h", code=0)
    here.nft("flush ruleset")
    mode(tool, "resume", code=0)
    assert status(tool)["state"] == "off" and look_of(cron) == before and not is_closed(here, outside)
    mode(tool, "resume", code=0)


CALLS = "rename,renameat2,unlink,fsync,flock,vfork,clone,clone3,sendmsg"


@pytest.mark.slow
@pytest.mark.parametrize("action", ["start", "stop", "resume"])
def test_killed_anywhere_the_rerun_ends_equal(tool, here, outside, cron, action):
    """Each of its writes, and each of nft's, is the last one in turn."""
    need(programs=("strace",))
    before = look_of(cron)

    def prepare():
        if action == "resume":
            here.nft("flush ruleset")
        else:
            mode(tool, "stop" if action == "start" else "start", code=0)

    def end():
        """All that it has changed: of the kernel, of cron, and what was noted, but for its times."""
        notes = {
            p.name: [s for s in p.read_text().splitlines() if not s.startswith("since")]
            for p in tool.state_dir.glob("maintenance-*")
        }
        return here.run("nft", "list", "ruleset"), look_of(cron), notes

    mode(tool, "start", code=0)
    prepare()
    mode(tool, action, code=0)
    wanted = end()
    assert status(tool)["state"] == ("off" if action == "stop" else "on")
    assert is_closed(here, outside) == (action != "stop")
    for n in range(1, 200):
        prepare()
        wrap = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=KILL:when={n}")
        killed = mode(tool, action, wrap=wrap)
        mode(tool, action, code=0)
        assert end() == wanted, f"killed at call {n}"
        if killed.code == 0:
            break
    assert n > 5, "nothing was killed"
    mode(tool, "stop", code=0)
    assert look_of(cron) == before and here.run("nft", "list", "ruleset") == ""
