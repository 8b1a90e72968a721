# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of manifests and configs, each a real one with something odd done to it.

Every odd value is put at every place that Pulp's reading of a manifest looks at, then pairs of
them at random; whole texts are broken as files get broken; and rows are put into every state in
which a database has been found.  Seeded: a failing case comes again by its number.
"""
import base64
import copy
import dataclasses
import json
import random

import images

V1 = "application/vnd.docker.distribution.manifest.v1+json"
V1S = "application/vnd.docker.distribution.manifest.v1+prettyjws"

# JSON texts, not Python values: some of them no serialiser would write.
VALUES = (
    "null", "true", "false", "0", "1", "-1", "5", "1.5", "1.50", "1e3", "-0", "-0.0", "1e400",
    "NaN", "Infinity", "-Infinity", "2147483647", "2147483648", "9223372036854775807",
    "9223372036854775808", "12345678901234567890123456789", "0.12345678901234567890123",
    '""', '"x"', '"1"', '"0"', '" "', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00x"',
    '"\\ud83d\\ude00"', '"ünïcödé ☃ 🚀"', '"a\\/b\\n\\t\\"\\\\"', "\"it's\"", '"\\u00e9"',
    "[]", "[1]", '["a", null]', "{}", '{"a": 1}', '{"a": {"b": [null, true, 1.50, "é\'\\""]}}',
    '{"b": 1, "a": 2, "b": 3}', '{"containers.bootc": "1"}', '{"org.flatpak.ref": "r"}',
    '"application/vnd.cncf.helm.config.v1+json"', '"application/vnd.oci.empty.v1+json"',
    '"application/vnd.dev.cosign.simplesigning.v1+json"', '"text/spdx+json"',
    '"application/vnd.dsse.envelope.v1+json"', '"application/vnd.cyclonedx"',
    '"application/vnd.dev.sigstore.bundle.v0.3+json"', '"application/vnd.example"',
    '"application/vnd.oci.image.layer.v1.tar+zstd"', '"application/vnd.syft+json"',
)
IN_MANIFEST = (
    ("architecture",), ("os",), ("annotations",), ("annotations", "containers.bootc"),
    ("annotations", "other"), ("artifactType",), ("config",), ("config", "mediaType"),
    ("layers",), ("layers", 0), ("layers", 0, "mediaType"), ("layers", 0, "size"),
    ("layers", 1, "size"), ("layers", 1, "mediaType"), ("fsLayers",), ("mediaType",),
    ("schemaVersion",), ("unheard-of",), ("manifests",),
)
IN_CONFIG = (
    ("architecture",), ("os",), ("config",), ("config", "Labels"),
    ("config", "Labels", "containers.bootc"), ("config", "Labels", "org.flatpak.ref"),
    ("config", "Labels", "other"), ("config", "labels"), ("rootfs",),
)
DELETE, TWICE = object(), object()

STATES = ("no-config", "config-reclaimed", "config-unlinked", "config-file-missing",
          "file-missing", "unlinked", "reclaimed", "two-artifacts", "unknown-type", "labelled",
          "annotated", "foreign-digest", "short-file", "has-data", "has-data-and-type")


@dataclasses.dataclass
class Case:
    number: int
    what: str
    media_type: str
    manifest: bytes
    config: bytes = None
    state: str = ""
    children: tuple = ()
    digest: str = ""

    def __post_init__(self):
        self.digest = images.sha(self.manifest)


class Text:
    """A JSON text under construction, in which single values may be any text at all."""

    def __init__(self, value):
        self.value, self.raw = copy.deepcopy(value), []

    def put(self, path, raw):
        """Puts a JSON text at a path; False where there is no such place."""
        at = self.value
        for step in path[:-1]:
            try:
                at = at[step]
            except (KeyError, IndexError, TypeError):
                return False
        last = path[-1]
        if not isinstance(at, (dict, list)) or isinstance(at, list) and (
                not isinstance(last, int) or last >= len(at)):
            return False
        if raw is DELETE:
            if isinstance(at, dict) and last not in at:
                return False
            del at[last]
        elif raw is TWICE:
            if not isinstance(at, dict) or last not in at:
                return False
            # The same key again with another value: the last one counts.
            at[f"@key:{last}@"] = self.mark('"again"')
        else:
            at[last] = self.mark(raw)
        return True

    def mark(self, raw):
        self.raw.append(raw)
        return f"@raw:{len(self.raw) - 1}@"

    def dump(self, rng):
        text = json.dumps(self.value, ensure_ascii=rng.random() < 0.5,
                          indent=rng.choice((None, None, 2, 3)))
        for n, raw in enumerate(self.raw):
            text = text.replace(f'"@raw:{n}@"', raw)
        for key in ("architecture", "os", "annotations", "config", "layers", "mediaType", "size",
                    "Labels", "artifactType", "containers.bootc", "org.flatpak.ref", "other"):
            text = text.replace(f'"@key:{key}@"', f'"{key}"')
        return text.encode("utf-8", "surrogatepass")


def broken_texts(data):
    """(name, bytes) of everything that happens to whole files."""
    text = data.decode()
    return (
        ("empty", b""), ("blank", b" \n"), ("truncated", data[:-7]), ("half", data[:40]),
        ("bom", b"\xef\xbb\xbf" + data), ("utf16", text.encode("utf-16")),
        ("utf16le", text.encode("utf-16-le")), ("utf16be", text.encode("utf-16-be")),
        ("utf32", text.encode("utf-32-le")), ("latin1", data[:-1] + b',"x":"\xe9"}'),
        ("nul", data + b"\0"), ("nul-in-string", data[:-1] + b',"x":"a\0b"}'),
        ("control", data[:-1] + b',"x":"a\x01b"}'), ("newline", data[:-1] + b',"x":"a\nb"}'),
        ("del", data[:-1] + b',"x":"a\x7fb"}'), ("overlong", data[:-1] + b',"x":"\xc0\x80"}'),
        ("surrogate", data[:-1] + b',"x":"\xed\xa0\x80"}'),
        ("beyond", data[:-1] + b',"x":"\xf4\x90\x80\x80"}'),
        ("nonchar", data[:-1] + b',"x":"\xef\xbf\xbf"}'),
        ("trailing-comma", data[:-1] + b",}"), ("garbage", data + b"x"),
        ("twice", data + data), ("surrounded", b"\r\n\t " + data + b" \r\n\t"),
        ("form-feed", b"\f" + data), ("nbsp", b"\xc2\xa0" + data),
        ("comment", b"/* c */" + data), ("line-comment", data + b"\n// c\n"),
        ("single-quotes", data.replace(b'"', b"'")), ("TRUE", data[:-1] + b',"x":TRUE}'),
        ("zeros", data[:-1] + b',"x":01}'), ("plus", data[:-1] + b',"x":+1}'),
        ("dot", data[:-1] + b',"x":.5}'), ("dot-end", data[:-1] + b',"x":1.}'),
        ("hex", data[:-1] + b',"x":0x10}'), ("exponent", data[:-1] + b',"x":1e}'),
        ("nan", data[:-1] + b',"x":nan}'), ("minus", data[:-1] + b',"x":-}'),
        ("escape", data[:-1] + b',"x":"\\x41"}'), ("short-u", data[:-1] + b',"x":"\\u12"}'),
        ("upper-u", data[:-1] + b',"x":"\\U0041"}'),
        ("bad-u", data[:-1] + b',"x":"\\u12g4"}'),
        ("digits", data[:-1] + b',"x":' + b"7" * 5000 + b"}"),
        ("digits-4300", data[:-1] + b',"x":' + b"7" * 4300 + b"}"),
        ("fraction", data[:-1] + b',"x":0.' + b"7" * 5000 + b"}"),
        ("nest-30", data[:-1] + b',"x":' + b"[" * 30 + b"]" * 30 + b"}"),
        ("nest-200", data[:-1] + b',"x":' + b"[" * 200 + b"]" * 200 + b"}"),
        ("nest-900", data[:-1] + b',"x":' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}"),
        ("nest-20000", data[:-1] + b',"x":' + b"[" * 20000 + b"]" * 20000 + b"}"),
        ("unclosed", data[:-1] + b',"x":' + b"[" * 3000),
        ("long-string", data[:-1] + b',"x":"' + b"y" * 70000 + b'"}'),
        ("many-keys", data[:-1] + b"".join(b',"k%d":%d' % (n, n) for n in range(3000)) + b"}"),
        ("array", b"[" + data + b"]"), ("null", b"null"), ("string", b'"text"'),
        ("number", b"5"), ("true", b"true"), ("object", b"{}"), ("list", b"[]"),
    )


def bases():
    """(name, media type, manifest, config) of ordinary images of every kind."""
    out = []
    for img in images.every_kind("diff"):
        if not img.children:
            out.append((img.kind, img.media_type, json.loads(img.manifest),
                        json.loads(img.blobs[0])))
    v1 = {"schemaVersion": 1, "name": "n", "tag": "t", "architecture": "amd64",
          "fsLayers": [{"blobSum": "sha256:" + "0" * 64}],
          "history": [{"v1Compatibility": "{}"}]}
    out.append(("schema1", V1, v1, None))
    out.append(("schema1-no-arch", V1,
                {k: v for k, v in v1.items() if k != "architecture"}, None))
    out.append(("schema1-signed-type", V1S, v1, None))
    return out


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.cases, self.seen = [], set()

    def add(self, what, media_type, manifest, config=None, state="", children=()):
        """False for a manifest that is there already: digests are unique in a database."""
        if manifest in self.seen:
            return None
        self.seen.add(manifest)
        self.cases.append(Case(len(self.cases), what, media_type, manifest, config, state,
                               tuple(children)))
        return self.cases[-1]

    def texts(self, base):
        """Fresh manifest and config texts of a base, unlike any other."""
        _, _, doc, config = base
        salt = self.rng.getrandbits(64)
        return (Text({**doc, "salt": salt}),
                None if config is None else Text({**config, "salt": salt}))

    def finish(self, base, what, m, c, state=""):
        return self.add(f"{base[0]}: {what}", base[1], m.dump(self.rng),
                        None if c is None else c.dump(self.rng), state)

    def odd(self, base, edits, state=""):
        m, c = self.texts(base)
        done = []
        for side, path, raw in edits:
            text = m if side == "manifest" else c
            if text is not None and text.put(path, raw):
                shown = {DELETE: "deleted", TWICE: "twice"}.get(raw, raw)
                done.append(f"{side} {'.'.join(map(str, path))} = {shown}")
        if done or state:
            self.finish(base, "; ".join(done) + (f" [{state}]" if state else ""), m, c, state)

    def one_at_a_time(self, all_bases):
        by_name = {b[0]: b for b in all_bases}
        for name in ("oci", "docker"):
            for side, paths in (("manifest", IN_MANIFEST), ("config", IN_CONFIG)):
                for path in paths:
                    for raw in (*VALUES, DELETE, TWICE):
                        if name == "oci" or self.rng.random() < 0.35:
                            self.odd(by_name[name], [(side, path, raw)])
        for base in all_bases:
            for path in IN_MANIFEST:
                for raw in self.rng.sample(VALUES, 5) + [DELETE, TWICE]:
                    self.odd(base, [("manifest", path, raw)])

    def whole_texts(self, all_bases):
        for base in all_bases:
            m, c = self.texts(base)
            doc, config = m.dump(self.rng), c.dump(self.rng) if c else None
            for what, data in broken_texts(doc):
                self.add(f"{base[0]}: manifest text {what}", base[1], data, config)
            if config is None:
                continue
            for what, data in broken_texts(config):
                m, _ = self.texts(base)
                self.add(f"{base[0]}: config text {what}", base[1], m.dump(self.rng), data)

    def states(self, all_bases):
        for base in all_bases:
            self.odd(base, [], "plain")
            for state in STATES:
                if base[3] is not None or not state.startswith("config"):
                    self.odd(base, [], state)

    def lists(self, count):
        """Lists over images of every nature, over none, over odd ones, and odd lists."""
        images_by = {}
        for c in self.cases:
            if c.media_type in (images.OM, images.V2):
                images_by.setdefault(c.what.split(":")[0], []).append(c)
        for _ in range(count):
            kinds = self.rng.sample(sorted(images_by), self.rng.randrange(4))
            # Which of two natures wins depends on the order of rows, which nothing defines.
            if sum(k.startswith(("bootc", "flatpak")) for k in kinds) > 1:
                kinds = kinds[:1]
            children = [self.rng.choice(images_by[k]) for k in kinds]
            media_type = self.rng.choice((images.OI, images.ML))
            doc = {"schemaVersion": 2, "mediaType": media_type, "salt": self.rng.getrandbits(64),
                   "manifests": [images.descriptor(c.media_type, c.manifest) for c in children]}
            if self.rng.random() < 0.4:
                doc["annotations"] = {"containers.bootc": "1", "a": "b"}
            base = (f"list of {len(children)}", media_type, doc, None)
            m = Text(doc)
            what = "plain"
            if self.rng.random() < 0.5:
                path = self.rng.choice((("annotations",), ("annotations", "a"), ("manifests",),
                                        ("architecture",), ("layers",), ("config",)))
                raw = self.rng.choice((*VALUES, DELETE, TWICE))
                if m.put(path, raw):
                    what = f"{'.'.join(path)} = {raw}"
            data = m.dump(self.rng)
            if self.rng.random() < 0.15:
                what, data = self.rng.choice(broken_texts(data))
            self.add(f"{base[0]}: {what}", media_type, data, children=[c.number for c in children])

    def at_random(self, all_bases, count):
        while len(self.cases) < count:
            edits = []
            for _ in range(self.rng.randrange(1, 5)):
                side = self.rng.choice(("manifest", "manifest", "config"))
                path = self.rng.choice(IN_MANIFEST if side == "manifest" else IN_CONFIG)
                edits.append((side, path, self.rng.choice((*VALUES, DELETE, TWICE))))
            state = self.rng.choice(STATES) if self.rng.random() < 0.1 else ""
            self.odd(self.rng.choice(all_bases), edits, state)


def signed(payload):
    """A schema 1 manifest as registries signed them; its digest is that of the payload alone.

    Docker registry specification, "Image Manifest Version 2, Schema 1": the signature's protected
    header says how many bytes of the text precede it and what followed them.
    """

    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head, tail = payload[:-2], payload[-2:]
    protected = b64(json.dumps({"formatLength": len(head), "formatTail": b64(tail)}).encode())
    block = [{"header": {"alg": "ES256"}, "signature": b64(b"s" * 64), "protected": protected}]
    return head + b',\n   "signatures": ' + json.dumps(block).encode() + tail


def cases(count=6000, seed=20):
    g = Generator(seed)
    all_bases = bases()
    g.one_at_a_time(all_bases)
    g.whole_texts(all_bases)
    g.states(all_bases)
    g.at_random(all_bases, count - count // 12)
    g.lists(count // 12)
    for n in range(8):
        payload = json.dumps({"schemaVersion": 1, "name": f"n{n}", "tag": "t", "os": "linux",
                              "architecture": ("arm64", "", None, 5)[n % 4],
                              "fsLayers": [{"blobSum": "sha256:" + "0" * 64}]}, indent=3).encode()
        c = g.add("signed schema 1", V1, signed(payload), state="signed")
        c.digest = images.sha(payload)
    return g.cases
