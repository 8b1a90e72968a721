# SPDX-License-Identifier: GPL-3.0-or-later
"""Awkward bytes: configurations, manifests and text that is not what upstream expects."""

from . import manifests as m
from .awkward_case import case, changed_bytes, every_layer, oci

# -- configurations


@case("SKIP: the data is not stored either", "partial")
def config_reclaimed(site, repo):
    return site.manifest(oci(site), repo, config_link="empty")


@case("SKIP: the data is not stored either", "partial")
def config_without_link(site, repo):
    return site.manifest(oci(site), repo, config_link="none")


@case("SKIP: JSONDecodeError", "partial", "filled")
def config_not_json(site, repo):
    config = b"model weights, no json: %d" % site.count
    spec = oci(
        site,
        lambda v: v.update(config=m.descriptor(config, "application/vnd.example.conf")),
        config,
    )
    return site.manifest(spec._replace(type="artifact"), repo)


@case("ABORT UnicodeDecodeError", "partial")
def config_not_utf8(site, repo):
    config = b'{"architecture":"amd64","os":"linux","author":"\xe9%d"}' % site.count
    return site.manifest(oci(site, None, config), repo)


@case("ABORT FileNotFoundError", "partial")
def config_file_missing(site, repo):
    return site.manifest(oci(site), repo, config_options={"on_disk": False})


@case("filled with what the file says", "partial")
def config_wrong_bytes(site, repo):
    written = m.image_config(site.rng, 2, arch="s390x")
    return site.manifest(oci(site), repo, config_options={"written": written})


@case(
    "2.22.0-2, 2.23, 2.24.0-2, 2.25, 2.26.0-4: ABORT AttributeError; later filled, architecture and os NULL",
    "filled",
    "partial",
)
def config_blob_null(site, repo):
    return site.manifest(oci(site)._replace(config=None), repo)


@case("ABORT AttributeError", "partial")
def config_key_null(site, repo):
    config = m.dumps({"architecture": "amd64", "os": "linux", "config": None, "n": site.count})
    return site.manifest(oci(site, None, config), repo)


@case("ABORT AttributeError", "partial")
def labels_list(site, repo):
    return site.manifest(oci(site, labels=["a", "b"]), repo)


@case("ABORT AttributeError", "partial")
def labels_string(site, repo):
    return site.manifest(oci(site, labels="a=b"), repo)


@case("filled, labels {}", "filled")
def labels_null(site, repo):
    return site.manifest(oci(site, labels=None), repo)


@case("filled, labels stored as they are", "filled", "partial")
def label_not_string(site, repo):
    return site.manifest(oci(site, labels={"containers.bootc": 1, "list": [1, {"a": None}]}), repo)


@case("ABORT AttributeError", "partial")
def config_top_level_array(site, repo):
    return site.manifest(oci(site, None, m.dumps(["config", site.count])), repo)


@case("ABORT DataError after the links are gone", "partial")
def label_u0000(site, repo):
    return site.manifest(oci(site, labels={"a": "x\u0000y"}), repo)


@case("ABORT DataError after the links are gone", "partial")
def label_lone_surrogate(site, repo):
    return site.manifest(oci(site, labels={"a": "\ud800"}), repo)


@case("ABORT DataError after the links are gone", "partial")
def architecture_u0000(site, repo):
    return site.manifest(oci(site, arch="amd\u000064"), repo)


@case("filled, architecture is the text 5", "filled", "partial")
def architecture_number(site, repo):
    return site.manifest(oci(site, arch=5), repo)


@case("filled, architecture is Python's spelling of the object", "filled", "partial")
def architecture_object(site, repo):
    return site.manifest(oci(site, arch={"name": "amd64", "bits": [64, None, True]}), repo)


@case("filled; selected again on each run", "filled")
def os_missing(site, repo):
    return site.manifest(oci(site, os=None), repo)


@case("filled; selected and counted again on each run", "filled")
def platform_and_size_empty(site, repo):
    spec = m.oci_artifact(site.rng)
    value = m.json.loads(spec.raw)
    value["layers"] = []
    return site.manifest(m.of(value, m.OM, spec.config, "artifact"), repo)


@case("filled with the architecture of the manifest, os NULL", "filled")
def platform_in_manifest(site, repo):
    return site.manifest(oci(site, lambda v: v.update(architecture="riscv64")), repo)


# -- manifests of odd structure


@case("SKIP: JSONDecodeError", "partial")
def corrupt_json(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: raw[:-7]), repo)


@case("SKIP: JSONDecodeError", "partial", "quarantine")
def empty_file(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: b""), repo)


@case("ABORT AttributeError", "partial")
def top_level_array(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: b"[" + raw + b"]"), repo)


@case("ABORT AttributeError", "partial")
def top_level_string(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: b'"%s"' % m.digest_of(raw).encode()), repo)


@case("ABORT AttributeError", "partial")
def annotations_null(site, repo):
    return site.manifest(oci(site, lambda v: v.update(annotations=None)), repo)


@case("ABORT AttributeError", "partial")
def annotations_string(site, repo):
    return site.manifest(oci(site, lambda v: v.update(annotations="a=b")), repo)


@case("ABORT DataError after the links are gone", "partial")
def annotation_u0000(site, repo):
    return site.manifest(oci(site, lambda v: v.update(annotations={"a": "\u0000"})), repo)


@case("ABORT DataError after the links are gone", "partial")
def annotation_lone_surrogate(site, repo):
    return site.manifest(oci(site, lambda v: v.update(annotations={"a": "\udc00x"})), repo)


@case("ABORT DataError after the links are gone", "partial")
def annotation_nan(site, repo):
    return site.manifest(oci(site, lambda v: v.update(annotations={"a": float("nan")})), repo)


@case("ABORT KeyError", "partial")
def no_config_no_artifact_type(site, repo):
    return site.manifest(oci(site, lambda v: v.pop("config"))._replace(config=None), repo)


@case("ABORT TypeError", "partial")
def manifest_config_null(site, repo):
    return site.manifest(oci(site, lambda v: v.update(config=None))._replace(config=None), repo)


@case("ABORT TypeError", "partial")
def no_layers(site, repo):
    return site.manifest(oci(site, lambda v: v.pop("layers")), repo)


@case("filled, size 0", "filled")
def layers_empty(site, repo):
    return site.manifest(oci(site, lambda v: v.update(layers=[])), repo)


@case("ABORT TypeError", "partial")
def fs_layers_empty(site, repo):
    value = m.json.loads(m.schema1(site.rng).raw)
    value["fsLayers"] = []
    return site.manifest(m.of(value, m.V1, None, "image", 3, 1), repo)


@case("ABORT KeyError", "partial")
def layer_without_media_type(site, repo):
    return site.manifest(oci(site, lambda v: v["layers"][1].pop("mediaType")), repo)


@case("ABORT TypeError or KeyError", "partial")
def layer_without_size(site, repo):
    return site.manifest(oci(site, lambda v: v["layers"][1].pop("size")), repo)


@case("ABORT TypeError", "partial")
def layer_size_string(site, repo):
    return site.manifest(oci(site, lambda v: v["layers"][1].update(size="1000")), repo)


@case("filled, the sum truncated toward zero", "filled", "partial")
def layer_size_fraction(site, repo):
    return site.manifest(oci(site, lambda v: v["layers"][1].update(size=10.75)), repo)


@case(
    "2.22.2 and later 2.22: filled, size NULL; from 0045 on ABORT OverflowError",
    "filled",
    "partial",
)
def layer_size_infinite(site, repo):
    return site.manifest(oci(site, lambda v: v["layers"][1].update(size=float("inf"))), repo)


@case(
    "2.22.0-1, 2.23, 2.24.0: ABORT DataError; 2.22.2 and later 2.22: filled, size NULL; from 0045 on filled",
    "filled",
    "partial",
)
def size_over_int4(site, repo):
    return site.manifest(oci(site, lambda v: v["layers"][0].update(size=3_000_000_000)), repo)


@case(
    "2.22.2 and later 2.22: filled, size NULL; from 0045 on ABORT DataError after the links are gone",
    "filled",
    "partial",
)
def size_over_int8(site, repo):
    return site.manifest(oci(site, every_layer(2**62)), repo)


@case("filled; the last one wins", "filled")
def duplicate_keys(site, repo):
    extra = b',"annotations":{"a":"first","a":"second"},"layers":[{"mediaType":"x","size":7,"digest":"sha256:0"}]}'
    return site.manifest(changed_bytes(site, lambda raw: raw[:-1] + extra), repo)


@case("ABORT RecursionError", "partial")
def nested_deeply(site, repo):
    deep = b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    return site.manifest(changed_bytes(site, lambda raw: raw[:-1] + deep), repo)


@case("filled", "filled")
def huge(site, repo):
    """5 MB, most of it one annotation."""
    return site.manifest(
        oci(site, lambda v: v.update(annotations={"big": "0123456789abcdef" * (5 * 2**16)})), repo
    )


@case(
    "DATA LOST: the links are deleted and nothing is saved, unless architecture, os and size all stay empty",
    "filled",
    "partial",
)
def unknown_media_type(site, repo):
    return site.manifest(m.unknown(site.rng), repo)


# -- text


@case("SKIP: JSONDecodeError", "quarantine")
def nul_byte(site, repo):
    return site.manifest(
        changed_bytes(
            site, lambda raw: raw.replace(b"linux", b"lin\0ux", 1).replace(b":2,", b":2,\0", 1)
        ),
        repo,
    )


@case("SKIP: the text is parsed a second time, with its BOM", "partial", "filled")
def bom_image(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: b"\xef\xbb\xbf" + raw), repo)


@case("filled; the text of a list is parsed once only", "filled", "partial")
def bom_list(site, repo):
    child = site.image("oci", repo)
    spec = m.oci_index([child], {"note": "bom"})
    made = site.manifest(m.of(b"\xef\xbb\xbf" + spec.raw, m.OI), repo)
    site.list_child(made, child)
    return made


@case("ABORT UnicodeDecodeError", "quarantine")
def utf16_with_bom(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: raw.decode().encode("utf-16")), repo)


@case("SKIP: its text holds NUL", "quarantine")
def utf16_without_bom(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: raw.decode().encode("utf-16-le")), repo)


@case("ABORT UnicodeDecodeError", "quarantine")
def invalid_utf8(site, repo):
    return site.manifest(changed_bytes(site, lambda raw: raw[:-1] + b',"x":"\xff\xfe"}'), repo)


@case("filled", "filled")
def text_beyond_ascii(site, repo):
    text = ',"annotations":{"name":"Zoë 日本 🐘 \\u00e9 \\ud83d\\ude00"}}'.encode()
    return site.manifest(changed_bytes(site, lambda raw: raw[:-1] + text), repo)


# -- schema 1


@case("filled; never equal to its digest", "filled")
def schema1_signed(site, repo):
    return site.manifest(m.schema1_signed(site.rng), repo)


@case("filled, architecture and os NULL; selected and counted again on each run", "filled")
def schema1_without_architecture(site, repo):
    return site.manifest(m.schema1(site.rng, arch=""), repo)


@case("filled with what the file says", "quarantine")
def schema1_signed_tampered(site, repo):
    """The payload was changed, the signature stands."""
    spec = m.schema1_signed(site.rng)
    return site.manifest(spec._replace(raw=spec.raw.replace(b'"latest"', b'"newest"')), repo)


@case("filled with what the file says", "quarantine")
def schema1_signed_without_header(site, repo):
    """The protected header is no base64 of JSON, so nothing says what the payload is."""
    spec = m.schema1_signed(site.rng)
    value = m.json.loads(spec.raw)
    value["signatures"][0]["protected"] = "AAAA"
    return site.manifest(spec._replace(raw=m.dumps(value, 3)), repo)
