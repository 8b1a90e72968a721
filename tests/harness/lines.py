# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON lines of --json, held against the table of events that the program itself prints."""

import functools
import json
import subprocess

TYPES = {
    "text": str,
    "count": int,
    "number": (int, float),
    "bool": bool,
    "list": list,
    "range": dict,
    "map": dict,
}


@functools.cache
def table(binary):
    """{event: its fields} of a build, asked once a session."""
    done = subprocess.run(
        [str(binary), "--dump=json"], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)["events"]


def of_value(value, field):
    """What is wrong with the value of one field, or None."""
    kind = field["type"]
    if value is None:
        return None if field["nullable"] else "null"
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
        return f"{value!r}, not {kind}"
    if kind == "list" and not all(isinstance(v, str) for v in value):
        return repr(value)
    if kind == "range" and set(value) != {"p10", "p50", "p90"}:
        return f"a range of {sorted(value)}"
    if kind == "map" and not all(isinstance(v, (int, float)) for v in value.values()):
        return repr(value)
    return None


def complaints(event, events):
    """What is wrong with one line; empty when nothing is."""
    name = event.get("event")
    if name not in events or name == "common":
        return [f"unknown event {name}"]
    fields = {f["key"]: f for f in events["common"]["fields"] + events[name]["fields"]}
    out = [
        f"{name}: {key} is missing"
        for key, f in fields.items()
        if f["always"] and key not in event
    ]
    for key, value in event.items():
        wrong = of_value(value, fields[key]) if key in fields else "not documented"
        if wrong:
            out.append(f"{name}: {key} is {wrong}")
    return out


def of_output(lines, events):
    """The same of all that a run has printed.  Its last line may be torn where it was killed; texts
    such as --help are no lines of events, but nothing may stand between those.
    """
    whole = [line for line in lines if line.endswith("\n")]
    if not any(line.startswith("{") for line in whole):
        return []
    out = []
    for line in whole:
        try:
            out += complaints(json.loads(line), events)
        except ValueError:
            out.append(f"no object: {line!r}")
    return out
