# SPDX-License-Identifier: GPL-3.0-or-later
"""The estimate on a real server: what it counts, that it changes nothing, and that it learns."""

import contextlib
import math

import pytest

from harness import after, manifests, pg
from harness.brake import DETACH, FILL, Brake
from harness.process import wait_until
from harness.pulpdata import Site, diff, snapshot

ESTIMATE = ("pre-migrate", "estimate")
FILL_JOB, DETACH_JOB = "pulp-manifests-fill", "pulp-manifests-detach"
VACUUM_JOB = "pulp-manifests-vacuum"


def told(ran):
    return ran.one("estimate")


def ordered(interval):
    return interval["p10"] <= interval["p50"] <= interval["p90"]


@pytest.fixture
def limited(cluster, pg_db, site):
    """A role that may only look."""
    cluster.role("looker")
    pg_db.query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker")
    yield pg_db.conninfo("looker")
    cluster.admin("DROP OWNED BY looker CASCADE", dbname=pg_db.name)


def test_nothing_is_changed_and_no_lock_is_left(site, pg_db, plmaint):
    site.every_kind()
    site.bulk_images(400, repos=2)
    before = snapshot(site.conn)
    site.conn.commit()
    ran = plmaint.run(*ESTIMATE, code=0)
    estimate, row = told(ran), ran.one("estimate.row")
    assert diff(before, snapshot(site.conn)) == []
    assert after.ledger(pg_db) is None
    assert not pg_db.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'plmaint%'")
    assert not pg_db.query("SELECT 1 FROM pg_prepared_xacts")
    assert estimate["wrote"] and 0 < estimate["sampled"] <= 300
    assert ordered(estimate["full"]) and ordered(estimate["throttled"])
    assert 0 < estimate["full"]["p50"] < estimate["throttled"]["p50"]
    assert estimate["wal_bytes"] > 0 and estimate["disk_bytes"] > 0
    assert all(0 < row[part] < 0.1 for part in ("fetch", "read", "hash", "parse", "write", "detach")), row
    assert row["wal_bytes"] > 100 and row["wal_images"] >= 0
    site.conn.commit()
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0, "and a run does all of it"


def test_counts_are_exact_by_kind_and_repository(site, plmaint):
    big, small = site.repository("team/big"), site.repository("team/small")
    children = [site.image("oci", big) for _ in range(5)]
    site.index(children[:2], big)
    site.image("schema1", small)
    site.image("docker", small)
    lost = [site.image("oci", small) for _ in range(2)]
    filled = [site.image("oci", small) for _ in range(3)]
    for manifest in filled:
        site.fill(manifest)
    for manifest in lost:
        site.lose(manifest)
    site.fill(site.image("oci", big), detach=True)
    ran = plmaint.run(*ESTIMATE, code=0)
    estimate = told(ran)
    assert estimate["exact"] and estimate["rows"] == 13
    assert (estimate["fill"], estimate["lost"], estimate["filled"]) == (8, 2, 3)
    count = {}
    for e in ran.of("estimate.stratum"):
        key = (e["state"], e["media"])
        count[key] = count.get(key, 0) + e["rows"]
        assert e["storage"] == "file system"
    assert count == {
        ("fill", "image"): 6,
        ("fill", "schema 1"): 1,
        ("fill", "list"): 1,
        ("lost", "image"): 2,
        ("filled", "image"): 3,
    }
    repositories = {e["repository"]: e["rows"] for e in ran.of("estimate.repository")}
    assert repositories == {"team/big": 6, "team/small": 7}
    # All rows are few enough to be in the sample, but for those to recover; a busy machine ends it early.
    assert 0 < estimate["sampled"] <= 11 and estimate["unreadable"] == 0


def test_repositories_beyond_those_named_are_counted(site, plmaint):
    site.bulk_images(24, repos=12, own_config=False)
    ran = plmaint.run(*ESTIMATE, code=0)
    assert len(ran.of("estimate.repository")) == 10 and told(ran)["repositories"] == 12
    assert "and 2 other repositories\n" in plmaint.run(*ESTIMATE, json=False, code=0).out


def test_sizes_are_told_apart(site, plmaint):
    repo = site.repository()
    for layers in (1, 2, 3, 30, 300):
        site.image("oci", repo, count=layers)
    rows = plmaint.run(*ESTIMATE, code=0).of("estimate.stratum", state="fill", media="image")
    assert {e["size"]: e["rows"] for e in rows} == {"to 2 kB": 3, "to 8 kB": 1, "to 64 kB": 1}
    assert [e["bytes"] for e in rows] == sorted(e["bytes"] for e in rows)


@pytest.mark.parametrize("sample", [1, 7, 500])
def test_sample_is_no_larger_than_asked(site, plmaint, sample):
    site.every_kind(60)
    site.bulk_images(700, repos=1, own_config=False)
    estimate = told(plmaint.run(*ESTIMATE, "--sample", sample, code=0))
    assert 1 <= estimate["sampled"] <= sample and estimate["wrote"]


@pytest.mark.parametrize("sample", ["0", "501", "many"])
def test_sample_out_of_range(plmaint, site, sample):
    ran = plmaint.run(*ESTIMATE, "--sample", sample, code=2)
    assert "--sample" in ran.err


def test_rows_are_looked_at_again_and_again(site, pg_db, plmaint):
    """A machine is quick at one moment and slow at the next."""
    site.bulk_images(400, repos=1, own_config=False)
    sampled = told(plmaint.run(*ESTIMATE, "--sample", 50, code=0))["sampled"]
    wait_until(
        lambda: (
            pg_db.value("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'container_manifest'")
            > 6 * sampled
        ),
        10,
        "each row was written more than six times",
    )


@pytest.mark.parametrize("lost", [0, 1])
def test_windows_ask_for_lost_rows_only_where_there_are_some(cluster, site, pg_db, plmaint, lost):
    """A run's do not. The server may answer by reading all links, which takes longer than all else."""
    site.bulk_images(60, repos=1, own_config=False)
    for _ in range(lost):
        site.lose(site.image("oci", site.repository()))
    site.conn.commit()
    cluster.admin(f"ALTER DATABASE {pg_db.name} SET log_statement = 'all'")
    since = cluster.log_mark()
    plmaint.run(*ESTIMATE, code=0)
    assert cluster.log_contains(r"execute window: ", since) > 0
    asked = cluster.log_contains(r"execute window: .*a\.sha256 = substr\(m\.digest", since)
    assert (asked > 0) == (lost > 0)


def test_no_write_writes_nothing_and_is_wider(site, pg_db, plmaint):
    site.bulk_images(300, repos=1, own_config=False)
    before = after.written(pg_db)
    ran = plmaint.run(*ESTIMATE, "--no-write", code=0)
    estimate, row = told(ran), ran.one("estimate.row")
    assert after.written(pg_db) == before
    assert not estimate["wrote"] and estimate["not_written"] == "--no-write"
    assert estimate["sampled"] > 0
    assert row["read"] > 0 and row["parse"] > 0 and not {"write", "detach", "wal_bytes"} & set(row)
    full = estimate["full"]
    assert full["p90"] / full["p10"] > 1.5


def test_verdict_by_the_longest_downtime(site, plmaint):
    site.bulk_images(200, repos=1, own_config=False)
    small = told(plmaint.run(*ESTIMATE, "--set", "upgrade.max_downtime=1h", code=0))
    assert small["verdict"].startswith("small: the upgrade will do it in about ")
    first = told(plmaint.run(*ESTIMATE, "--set", "upgrade.max_downtime=0", code=78))
    assert first["verdict"].startswith("pre-migrate first: ")


def test_nothing_to_do(site, plmaint):
    ran = plmaint.run(*ESTIMATE, code=0)
    assert told(ran)["rows"] == 0 and told(ran)["verdict"] == "nothing to do"
    assert plmaint.run(*ESTIMATE, json=False, code=0).out == "nothing to do\n"
    site.bulk_images(20, repos=1)
    plmaint.run("pre-migrate", "run", code=0)
    assert told(plmaint.run(*ESTIMATE, code=0))["verdict"] == "nothing to do"


def test_filled_rows_alone(site, plmaint):
    site.bulk_images(150, repos=1, own_config=False)
    plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    before = snapshot(site.conn)
    site.conn.commit()
    estimate = told(plmaint.run(*ESTIMATE, code=0))
    assert (estimate["fill"], estimate["filled"], estimate["bytes"]) == (0, 150, 0)
    assert estimate["wrote"] and 0 < estimate["sampled"] <= 150
    assert diff(before, snapshot(site.conn)) == []


def test_missing_files_are_counted_and_no_error(site, plmaint):
    repo = site.repository()
    for _ in range(4):
        site.image("oci", repo)
    for _ in range(3):
        site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)
    ran = plmaint.run(*ESTIMATE, code=0)
    assert told(ran)["unreadable"] == 3
    assert "data of 3 of them cannot be had" in plmaint.run(*ESTIMATE, json=False, code=0).out


def test_what_was_set_aside_is_not_counted(site, plmaint):
    repo = site.repository()
    site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)
    plmaint.run("pre-migrate", "run", code=78)
    assert told(plmaint.run(*ESTIMATE, code=0))["rows"] == 0


def test_artifacts_that_cannot_be_read_leave_the_counts(site, plmaint):
    site.bulk_images(30, repos=1)
    plmaint.configure({"pulp.media_root": "/nonexistent/media"})
    ran = plmaint.run(*ESTIMATE, code=0)
    assert told(ran)["rows"] == 30 and told(ran)["sampled"] == 0
    assert "/nonexistent/media" in ran.one("notice")["message"]


def test_role_that_may_not_write_gets_an_estimate_that_names_the_right(site, plmaint, limited):
    site.bulk_images(60, repos=1)
    plmaint.configure({"database.pulp.conninfo": limited})
    estimate = told(plmaint.run(*ESTIMATE, code=0))
    assert not estimate["wrote"] and estimate["sampled"] > 0
    assert "permission denied for table container_manifest" in estimate["not_written"]


def test_role_that_may_not_look(site, pg_db, plmaint, limited):
    site.bulk_images(10, repos=1)
    pg_db.query("REVOKE SELECT ON core_contentartifact FROM looker")
    plmaint.configure({"database.pulp.conninfo": limited})
    ran = plmaint.run(*ESTIMATE, code=1)
    assert "core_contentartifact" in ran.err and "GRANT" in ran.err


def test_ledger_that_may_not_be_read(site, pg_db, plmaint, limited):
    """The hint is what helps."""
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    plmaint.configure({"database.pulp.conninfo": limited})
    hint = plmaint.run("pre-migrate", "status", code=1).one("error")["hint"]
    assert hint[hint.index("GRANT") :] in plmaint.run("history", code=0).err
    pg_db.query(hint[hint.index("GRANT") : -1])
    plmaint.run("pre-migrate", "status", code=0)


@pytest.mark.slow
def test_on_a_standby_it_only_reads(tmp_path, plmaint):
    with pg.Cluster() as primary:
        db = primary.database("0043")
        (tmp_path / "m" / "artifact").mkdir(parents=True)
        with contextlib.closing(db.connect()) as conn:
            Site(conn, tmp_path / "m", "0043").bulk_images(50, repos=1)
        with contextlib.closing(primary.standby()) as standby:
            plmaint.configure(
                {
                    "database.pulp.conninfo": standby.conninfo(db.name),
                    "pulp.media_root": tmp_path / "m",
                }
            )
            estimate = told(plmaint.run(*ESTIMATE, code=0))
    assert estimate["rows"] == 50 and estimate["sampled"] > 0
    assert not estimate["wrote"] and "standby" in estimate["not_written"]


def test_check_only_mode_only_reads(site, pg_db, plmaint):
    site.bulk_images(50, repos=1)
    before = after.written(pg_db)
    plmaint.configure({"general.mode": "check-only"})
    assert told(plmaint.run(*ESTIMATE, code=0))["not_written"] == "general.mode"
    assert after.written(pg_db) == before


def test_interrupted_in_the_middle(site, pg_db, plmaint):
    site.bulk_images(300, repos=1, own_config=False)
    before = snapshot(site.conn)
    site.conn.commit()
    Brake(pg_db, seconds=0.02)
    running = plmaint.start(*ESTIMATE)
    wait_until(
        lambda: pg_db.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%:sample%'"
            " AND query LIKE '%pg_sleep%' OR application_name LIKE 'plmaint:%:sample%'"
            " AND wait_event = 'PgSleep'"
        ),
        30,
        "it writes",
    )
    running.interrupt()
    ran = running.wait()
    assert ran.code == 130 and not ran.of("estimate")
    assert "Nothing was changed" in ran.err
    assert diff(before, snapshot(site.conn)) == []


def test_slow_server_ends_the_sample_early(site, pg_db, plmaint):
    """Each row takes so long that all of the sample would last for minutes."""
    site.bulk_images(300, repos=1, own_config=False)
    Brake(pg_db, seconds=0.1)
    plmaint.configure({"pre-migrate.writers": "1"})
    ran = plmaint.run(*ESTIMATE, "--sample", "300", code=0)
    assert told(ran)["wrote"] and told(ran)["full"]["p50"] > 300 * 0.1 * 0.5
    done = pg_db.value("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'container_manifest'")
    assert done <= 250, "blocks, not all of the sample"


def test_window_gives_the_time_by_the_clock(site, plmaint):
    site.bulk_images(100, repos=1, own_config=False)
    always = told(plmaint.run(*ESTIMATE, "--window", "00:00-24:00", code=0))
    assert always["windowed"]["p50"] == pytest.approx(always["throttled"]["p50"], abs=0.01)
    assert always["end"] and always["end_late"]
    ran = plmaint.run(*ESTIMATE, "--window", "22:00-05:00", json=False, code=0)
    assert "in the window        done " in ran.out
    assert "--window" in plmaint.run(*ESTIMATE, "--window", "25:00-26:00", code=2).err


def test_duty_that_is_set_is_what_throttled_means(site, plmaint):
    site.bulk_images(4000, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.duty": "0.25", "pre-migrate.grace": "0s"})
    estimate = told(plmaint.run(*ESTIMATE, code=0))
    full, throttled = estimate["full"]["p50"], estimate["throttled"]["p50"]
    assert estimate["duty_from"] == "set"
    # Rows take four times as long; plans, counts and the vacuum what they took.
    assert 1.5 * full < throttled < 4 * full


def test_cache_keys_are_counted(site, redis_server, plmaint):
    plmaint.configure({"redis.url": redis_server.url()})
    repo = site.repository("team/app")
    site.distribution("team/app", repo)
    site.image("oci", repo)
    estimate = told(plmaint.run(*ESTIMATE, code=0))
    assert estimate["cache_keys"] > 0
    assert "keys to delete" in plmaint.run(*ESTIMATE, json=False, code=0).out


def test_lines_are_as_documented(site, plmaint):
    site.every_kind(20)
    ran = plmaint.run(*ESTIMATE, "--window", "22:00-05:00", code=0)
    assert len(ran.events) == len(ran.out.splitlines())


def entries(db, what):
    return db.query(
        "SELECT job, run, p50, actual, rows, seconds FROM plmaint.calibration WHERE what = %s ORDER BY id",
        (what,),
    )


def test_run_is_held_against_the_last_estimate(site, pg_db, plmaint):
    site.bulk_images(200, repos=1, own_config=False)
    plmaint.run(*ESTIMATE, code=0)
    plmaint.run("pre-migrate", "run", code=0)
    foretold = entries(pg_db, "estimate")
    assert [e[0] for e in foretold] == [FILL_JOB, FILL_JOB, DETACH_JOB], "all of it, and its images"
    assert all(e[1] > 0 and e[2] > 0 and e[3] > 0 and e[4] == 200 and e[5] > 0 for e in foretold)
    assert [e[0] for e in entries(pg_db, "run")] == [FILL_JOB, DETACH_JOB, VACUUM_JOB]
    assert sum(e[4] for e in entries(pg_db, "cost") if e[0] == FILL_JOB) == 200
    site.bulk_images(50, repos=1, own_config=False)
    assert told(plmaint.run(*ESTIMATE, code=0))["runs"] == 1


def test_part_of_a_run_is_held_against_nothing(site, pg_db, plmaint):
    site.bulk_images(60, repos=1, own_config=False)
    plmaint.run(*ESTIMATE, code=0)
    plmaint.run("pre-migrate", "run", "--max-rows", 20, code=75)
    assert entries(pg_db, "estimate") == [] and entries(pg_db, "run") == []


def test_second_estimate_knows_what_the_first_run_took(site, pg_db, plmaint):
    """Here each row takes 6 ms longer in a run than in a sample."""
    brake = Brake(pg_db, seconds=0, on=(FILL, DETACH))
    slow = 0.006

    def turn():
        site.bulk_images(200, repos=1, own_config=False)
        brake.let_go()
        foretold = told(plmaint.run(*ESTIMATE, code=0))
        pg_db.query("UPDATE brake.rate SET seconds = %s", (slow,), user="postgres")
        ran = plmaint.run("pre-migrate", "run", code=0)
        spent = sum(ran.one("step.end", label=job)["seconds"] for job in (FILL_JOB, DETACH_JOB))
        return foretold, abs(math.log(foretold["full"]["p50"] / spent))

    first, first_error = turn()
    second, second_error = turn()
    third, third_error = turn()
    assert (first["runs"], second["runs"], third["runs"]) == (0, 1, 2)
    assert first_error > math.log(2), "the first cannot know"
    assert second_error < first_error and third_error < first_error / 2
    assert second["full"]["p90"] / second["full"]["p10"] > first["full"]["p90"] / first["full"]["p10"]


def test_run_begins_with_what_the_newest_has_shown(site, pg_db, plmaint):
    """Each link takes 50 ms, of which no run knows before it comes to the first."""
    brake = Brake(pg_db, on=(DETACH,))

    def first_said():
        return plmaint.run("pre-migrate", "run", code=0).of("progress")[0]["eta"]["p50"]

    site.bulk_images(200, repos=1, own_config=False)
    foretold = told(plmaint.run(*ESTIMATE, code=0))["full"]["p50"]
    brake.let_go()
    assert foretold > 2 and first_said() > 0.6 * foretold
    site.bulk_images(200, repos=1, own_config=False)
    assert first_said() < 0.5 * foretold, "the run is newer than the estimate"


def test_links_are_foretold_by_how_slow_the_rows_were(site, pg_db, plmaint):
    """Each row takes 20 ms to be filled, of which the sample of the links before it knows nothing."""
    site.bulk_images(300, repos=1, own_config=False)
    sampled = plmaint.run(*ESTIMATE, code=0).one("estimate.row")["detach"]
    brake = Brake(pg_db, seconds=0.02)
    plmaint.configure({"pre-migrate.writers": "1"})
    plmaint.run("procedure", "run", FILL_JOB, code=0)
    brake.let_go()
    said = plmaint.run("procedure", "run", DETACH_JOB, code=0).of("progress")[0]["eta"]["p50"]
    assert said > 3 * 300 * sampled


def test_vacuum_is_timed_and_known_the_next_time(site, pg_db, plmaint, tmp_path):
    trace = tmp_path / "trace"
    plmaint.configure({"pre-migrate.trace": trace})
    site.bulk_images(300, repos=1, own_config=False)
    for table in ("container_manifest", "core_contentartifact", "core_artifact"):
        pg_db.query(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")  # it may come first
    guessed = told(plmaint.run(*ESTIMATE, code=0))
    plmaint.run("pre-migrate", "run", code=0)
    [took] = [e for e in entries(pg_db, "run") if e[0] == VACUUM_JOB]
    assert took[4] == 300 and 0 < took[3] < 60
    [line] = [line.split() for line in trace.read_text().splitlines() if line.endswith(" vacuum")]
    assert line[1] == "300" and float(line[3]) == pytest.approx(took[3], rel=1e-3)
    # As on a server where it takes long.
    pg_db.query("UPDATE plmaint.calibration SET actual = 100 WHERE job = %s", (VACUUM_JOB,))
    site.bulk_images(300, repos=1, own_config=False)
    known = told(plmaint.run(*ESTIMATE, code=0))
    assert guessed["full"]["p50"] < 50 < 90 < known["full"]["p50"] < 200
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.of("progress")[0]["eta"]["p50"] > 50


def test_vacuum_that_finds_its_pages_written_rests_longer(plmaint, media_root):
    """100 ms for every 200 units of cost; the server writes all that is dirty after 18 MB of log, or never."""
    with pg.Cluster(settings={"autovacuum_vacuum_cost_delay": "100"}) as server:
        db = server.database("0043")
        with contextlib.closing(db.connect()) as conn:
            site = Site(conn, media_root, "0043")
            site.heartbeat("worker", age=-3600)
            site.bulk_images(4000, repos=1, own_config=False)
            conn.commit()
        plmaint.configure({"database.pulp.conninfo": db.conninfo(), "pre-migrate.grace": "0s"})
        said = {}
        for size in ("1GB", "32MB"):
            server.settings["max_wal_size"] = size
            server.restart()
            said[size] = told(plmaint.run(*ESTIMATE, code=0))["throttled"]["p50"]
    assert 8 < said["1GB"] < said["32MB"] / 2


def test_another_mix_is_foretold_by_its_phases(site, pg_db, plmaint):
    """Here lists take thirty times longer in a run than in a sample, and the next run has mostly lists."""
    Brake(pg_db, on=(FILL,))
    pg_db.query(
        "DROP TRIGGER brake ON container_manifest; CREATE TRIGGER brake BEFORE UPDATE ON container_manifest"
        " FOR EACH ROW WHEN (NEW.media_type LIKE '%index%') EXECUTE FUNCTION brake.hold()",
        user="postgres",
    )
    repo = site.repository("team/lists")
    children = [site.image("oci", repo) for _ in range(2)]

    def add(images, lists):
        site.bulk_images(images, repos=1, own_config=False)
        for _ in range(lists):
            site.index(children, repo, annotations={"number": str(site.count)})
        pg_db.query("UPDATE brake.rate SET seconds = 0.001", user="postgres")

    def run():
        pg_db.query("UPDATE brake.rate SET seconds = 0.03", user="postgres")
        plmaint.run("pre-migrate", "run", code=0)

    add(images=2500, lists=40)
    plmaint.run(*ESTIMATE, code=0)
    run()
    kept = pg_db.query("SELECT phase, rows FROM plmaint.calibration WHERE what = 'estimate' AND job = %s", (FILL_JOB,))
    assert sorted(kept) == [("", 2542), ("images", 2502), ("lists", 40)]
    add(images=40, lists=250)
    by_phase = told(plmaint.run(*ESTIMATE, code=0))
    pg_db.query("UPDATE plmaint.calibration SET phase = 'of another time' WHERE what = 'estimate' AND phase <> ''")
    by_job = told(plmaint.run(*ESTIMATE, code=0))
    # Not held against what a run takes: a machine that is busy at one of the two moments decides that.
    assert by_phase["full"]["p50"] > 1.5 * by_job["full"]["p50"]
