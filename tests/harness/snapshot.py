# SPDX-License-Identifier: GPL-3.0-or-later
"""Every column of every table that a migration touches, as a value that can be compared."""

# Table -> key columns. What plmaint may write, and what it must not.
TABLES = {
    "container_manifest": "content_ptr_id",
    "core_contentartifact": "pulp_id",
    "core_artifact": "pulp_id",
    "core_remoteartifact": "pulp_id",
    "core_publishedartifact": "pulp_id",
    "core_content": "pulp_id",
}


def snapshot(conn, tables=None):
    """{table: {key: {column: value}}}. json columns come as Python values, so that two spellings of
    the same value are equal.
    """
    out = {}
    with conn.cursor() as cur:
        for table, key in TABLES.items():
            if tables is None or table in tables:
                cur.execute(f"SELECT * FROM {table} ORDER BY {key}")
                names = [column.name for column in cur.description]
                at = names.index(key)
                out[table] = {str(row[at]): dict(zip(names, row)) for row in cur}
    return out


def diff(a, b, ignore=()):
    """Lines that say what differs; none when both are equal. ignore: names such as
    core_artifact.timestamp_of_interest.
    """
    out = []
    for table in sorted(set(a) | set(b)):
        left, right = a.get(table, {}), b.get(table, {})
        for key in sorted(set(left) | set(right)):
            if key not in right:
                out.append(f"{table} {key}: only in the first")
            elif key not in left:
                out.append(f"{table} {key}: only in the second")
            else:
                for column in sorted(set(left[key]) | set(right[key])):
                    one, two = left[key].get(column), right[key].get(column)
                    if f"{table}.{column}" not in ignore and not _same(one, two):
                        out.append(f"{table} {key} {column}: {_short(one)} != {_short(two)}")
    return out


def _same(one, two):
    """Equal as jsonb: order of keys does not count, type of scalars does."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(one[k], two[k]) for k in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(_same(x, y) for x, y in zip(one, two))
    return type(one) is type(two) and one == two


def _short(value):
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}... ({len(text)} characters)"
