# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row that upstream's command trips over, in one run with sound neighbours: each ends as it
should, says why, and the neighbours do not notice.
"""

import pytest

from harness import after, cli, manifests, oracle
from harness.awkward import AWKWARD
from harness.need import need
from harness.pulpdata import Site, diff, snapshot

LEVELS = ("0043", "0050")
WIDE = "0045"  # from here on compressed_image_size has 64 bits

# What is not simply filled: outcome, reason, missing fields.
PLATFORM = ["architecture", "os"]
CONFIG = ["labels", "type", *PLATFORM]
ALL = ["annotations", "type", *PLATFORM, "compressed_image_size"]
SIZE = ["compressed_image_size"]
EXPECTED = {
    "config_reclaimed": ("partial", "config-no-artifact", CONFIG),
    "config_without_link": ("partial", "config-no-link", CONFIG),
    "config_not_json": ("partial", "config-not-json", ["labels", *PLATFORM]),
    "config_not_utf8": ("partial", "config-not-json", ["labels", *PLATFORM]),
    "config_file_missing": ("partial", "config-file-missing", CONFIG),
    "config_wrong_bytes": ("partial", "config-file-bad", CONFIG),
    "config_key_null": ("partial", "config-section-not-object", ["labels"]),
    "labels_list": ("partial", "labels-not-object", ["labels"]),
    "labels_string": ("partial", "labels-not-object", ["labels"]),
    "config_top_level_array": ("partial", "config-not-object", ["labels", *PLATFORM]),
    "label_u0000": ("partial", "labels-not-storable", ["labels"]),
    "label_lone_surrogate": ("partial", "labels-not-storable", ["labels"]),
    "architecture_u0000": ("partial", "platform-not-storable", ["architecture"]),
    "corrupt_json": ("partial", "manifest-not-json", ALL),
    "empty_file": ("quarantine", "empty", None),
    "top_level_array": ("partial", "manifest-not-object", ALL),
    "top_level_string": ("partial", "manifest-not-object", ALL),
    "annotations_null": ("partial", "annotations-not-object", ["annotations"]),
    "annotations_string": ("partial", "annotations-not-object", ["annotations"]),
    "annotation_u0000": ("partial", "annotations-not-storable", ["annotations"]),
    "annotation_lone_surrogate": ("partial", "annotations-not-storable", ["annotations"]),
    "annotation_nan": ("partial", "annotations-not-storable", ["annotations"]),
    "no_config_no_artifact_type": ("partial", "config-descriptor-incomplete", ["type"]),
    "manifest_config_null": ("partial", "config-descriptor-incomplete", ["type"]),
    "no_layers": ("partial", "layers-missing", SIZE),
    "fs_layers_empty": ("partial", "layers-missing", SIZE),
    "layer_without_media_type": ("partial", "layer-incomplete", ["type"]),
    "layer_without_size": ("partial", "layer-incomplete", SIZE),
    "layer_size_string": ("partial", "layer-incomplete", SIZE),
    "layer_size_infinite": ("partial", "size-overflow", SIZE),
    "size_over_int8": ("partial", "size-overflow", SIZE),
    "nested_deeply": ("partial", "manifest-not-json", ALL),
    "unknown_media_type": ("partial", "unknown-media-type", ["type"]),
    "bom_image": ("partial", "manifest-not-json", ["type", *PLATFORM, *SIZE]),
    "nul_byte": ("quarantine", "nul-byte", None),
    "utf16_with_bom": ("quarantine", "nul-byte", None),
    "utf16_without_bom": ("quarantine", "nul-byte", None),
    "invalid_utf8": ("quarantine", "not-utf8", None),
    "schema1_signed_tampered": ("quarantine", "digest-mismatch", None),
    "schema1_signed_without_header": ("quarantine", "digest-mismatch", None),
    "no_contentartifact": ("gone", "no-link", None),
    "on_demand": ("quarantine", "link-without-artifact", None),
    "reclaimed": ("quarantine", "link-without-artifact", None),
    "unfetchable": ("quarantine", "link-without-artifact", None),
    "two_artifacts": ("quarantine", "several-artifacts", None),
    "lost_for_good": ("gone", "no-link", None),
    "lost_file_missing": ("gone", "file-missing", None),
    "lost_schema1_signed": ("gone", "no-link", None),
    "file_missing": ("quarantine", "file-missing", None),
    "wrong_bytes": ("quarantine", "size-mismatch", None),
    "truncated": ("quarantine", "size-mismatch", None),
    "wrong_size_column": ("quarantine", "size-mismatch", None),
    "foreign_artifact": ("quarantine", "digest-mismatch", None),
    "symlink_out": ("quarantine", "file-outside-root", None),
    "absolute_path_outside": ("quarantine", "file-outside-root", None),
    "dotdot_path": ("quarantine", "file-outside-root", None),
    "fifo": ("quarantine", "file-not-regular", None),
    "directory_as_file": ("quarantine", "file-not-regular", None),
    "list_without_type": ("untouched", None, None),
    "labels_missing_since_push": ("untouched", None, None),
    "filled_with_other_data": ("untouched", "link-differs", None),
}
NARROW = {  # a sum that a 32-bit column cannot hold
    "layer_size_infinite": ("partial", "size-int4", SIZE),
    "size_over_int4": ("partial", "size-int4", SIZE),
    "size_over_int8": ("partial", "size-int4", SIZE),
}
# Upstream stores other bytes or keeps columns: no row of the oracle to compare with.
NOT_AS_UPSTREAM = ("labels_from_2_19", "data_empty_text", "list_child_becomes_bootable")


def expected(name, level):
    if level < WIDE and name in NARROW:
        return NARROW[name]
    return EXPECTED.get(name, ("filled", None, None))


class Ran:
    """A site with every awkward row and every sound kind, migrated twice."""

    def __init__(self, cluster, level, tmp):
        self.level, self.db = level, cluster.database(level)
        self.conn = self.db.connect()
        media = tmp / "media"
        media.mkdir()
        self.site = site = Site(self.conn, media, level)
        self.made = {n: case(site) for n, case in AWKWARD.items() if case.since <= level}
        self.sound = site.every_kind()
        roots = [f"{n}={media}" for (n,) in site.sql("SELECT name FROM core_domain")]
        self.before = snapshot(self.conn)
        self.had_nothing = after.with_nothing(site)
        self.conn.commit()
        self.tool = cli.Plmaint(
            tmp / "plmaint",
            self.db.conninfo(),
            media,
            settings={"pulp.domain_roots": ",".join(r for r in roots if r[:8] != "default=")},
        )
        self.first = self.tool.run("pre-migrate", "run")
        self.between = snapshot(self.conn)
        self.site.sql("SELECT pg_stat_force_next_flush()")  # what this session wrote counts by now
        self.conn.commit()
        self.ledger, self.written = after.ledger(self.db), after.written(self.db)
        self.trace = tmp / "trace"
        self.second = self.tool.run("pre-migrate", "run", wrap=(*after.STRACE, self.trace))

    def close(self):
        self.tool.close()
        self.conn.close()
        self.db.drop()


@pytest.fixture(scope="module")
def runs(_session_cluster, tmp_path_factory):
    need(programs=("strace",))
    made = {}
    yield lambda level: made.get(level) or made.setdefault(
        level, Ran(_session_cluster, level, tmp_path_factory.mktemp(f"awkward{level}"))
    )
    for ran in made.values():
        ran.close()


@pytest.fixture(params=LEVELS)
def ran(request, runs):
    return runs(request.param)


CASES = [(name, level) for level in LEVELS for name in AWKWARD if AWKWARD[name].since <= level]


@pytest.mark.parametrize("name, level", CASES, ids=[f"{n}-{lv}" for n, lv in CASES])
def test_each_row_ends_as_it_should_and_says_why(runs, name, level):
    ran = runs(level)
    case, manifest, site = AWKWARD[name], ran.made[name], ran.site
    word, reason, missing = expected(name, level)
    assert word in case.ours or reason == "link-differs", case.ours
    told = [
        e
        for e in ran.first.events
        if e["event"] in ("quarantine", "partial") and e["digest"] == manifest.digest
    ]
    row, had = after.columns(site, manifest), ran.before["container_manifest"][manifest.pk]
    assert [e["reason"] for e in told] == ([reason] if reason else [])
    for event in told:
        assert event["media_type"] == had["media_type"]
        assert event["message"] and event["hint"]
        assert event["repositories"] == [f"awkward/{name.replace('_', '-')}"]
    if word in ("filled", "partial"):
        assert row["data"].encode() == manifest.raw
        assert after.links(site, manifest) == 0
    else:
        assert row == {column: had[column] for column in row}
        assert after.links(site, manifest) == sum(
            link["content_id"] == manifest.pk for link in ran.before["core_contentartifact"].values()
        )
    if word == "partial":
        assert told[0]["event"] == "partial" and told[0]["missing"] == missing
        for column in missing:
            assert row[column] in (None, {}), column
    elif word in ("quarantine", "gone"):
        assert told[0]["event"] == "quarantine"
    if word == "gone":
        recover = ran.first.one("step.end", label="pulp-manifests-recover")
        assert any(f"awkward/{name.replace('_', '-')} " in e for e in recover["examples"])
    if word == "filled" and case.verdict(level) == "filled" and name not in NOT_AS_UPSTREAM:
        config = manifest.config.raw if manifest.config else None
        assert row == oracle.upstream(manifest.raw, manifest.media_type, config, (), level)


def test_sound_neighbours_are_filled_and_detached(ran):
    for manifest in ran.sound:
        assert after.columns(ran.site, manifest)["data"].encode() == manifest.raw
        assert after.links(ran.site, manifest) == 0
    gone = {m.digest for m in ran.sound}
    assert not [e for e in ran.first.events if e.get("digest") in gone]


def test_no_row_loses_data_and_link(ran):
    assert after.with_nothing(ran.site) <= ran.had_nothing


def test_artifacts_and_configurations_stay(ran):
    """Only the links of filled manifests go; nothing else of Pulp's is deleted or changed."""
    old, new = ran.before, ran.between
    ours = {m.pk for m in (*ran.made.values(), *ran.sound)}
    kept = diff(old, new, ignore=("core_artifact.timestamp_of_interest",))
    manifests_too = ("container_manifest ", "core_contentartifact ", "core_remoteartifact ")
    assert not [d for d in kept if not d.startswith((*manifests_too, "core_publishedartifact "))]
    for pk, link in old["core_contentartifact"].items():
        if link["content_id"] not in old["container_manifest"]:
            assert pk in new["core_contentartifact"], "the link of a blob is gone"
    assert ours <= new["container_manifest"].keys()


def test_exit_status_and_totals_tell_of_the_bad_rows(ran):
    words = [expected(n, ran.level)[:2] for n in ran.made]
    end = ran.first.one("run.end")
    assert ran.first.code == 78 and end["exit"] == 78
    assert end["quarantined"] == sum(w in ("quarantine", "gone") for w, _ in words)
    assert end["partial"] == sum(w == "partial" for w, _ in words)
    assert end["filled"] == 0
    changed = [  # a list that follows its child is not counted as a row of its own
        pk
        for pk, row in ran.before["container_manifest"].items()
        if (row["data"], row["type"]) != tuple(ran.between["container_manifest"][pk][c] for c in ("data", "type"))
    ]
    assert end["rows"] == len(changed)


def test_second_run_opens_no_file_and_writes_no_row(ran):
    assert ran.second.code == 78
    assert after.opened_artifacts(ran.trace) == []
    assert after.ledger(ran.db) == ran.ledger
    assert after.written(ran.db) == ran.written
    assert diff(ran.between, snapshot(ran.conn)) == []
    ran.conn.commit()
    assert not ran.second.of("quarantine") and not ran.second.of("partial")
    for label in ("recover", "fill", "detach"):
        end = ran.second.one("step.end", label=f"pulp-manifests-{label}")
        assert end["result"] == "not-needed"


def test_trace_would_show_an_artifact_that_is_opened(ran, tmp_path):
    """The test above can fail: verify reads configurations, and the trace shows it."""
    trace = tmp_path / "trace"
    ran.tool.run("pre-migrate", "verify", wrap=(*after.STRACE, trace))
    assert after.opened_artifacts(trace)


def test_list_of_quarantined_rows_names_digest_reason_and_repository(ran):
    listed = ran.tool.run("pre-migrate", "quarantine", "list", code=0)
    told = {e["digest"]: e for e in listed.events if e["event"] in ("quarantine", "partial")}
    for name, manifest in ran.made.items():
        _word, reason, _missing = expected(name, ran.level)
        if reason:
            assert told[manifest.digest]["reason"] == reason, name
    assert manifests.OM in {e["media_type"] for e in told.values()}
