# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers, a Pulp-shaped database and plmaint itself, as tests, the demo and the benchmarks need
them.

Modules: pg and redisd (throwaway servers), schema (Pulp's tables at each level), manifests (bytes),
site (rows and files), bulk (many of them), awkward (the rows that go wrong), snapshot (compare two
states), cli (run plmaint), summary (the last line).
"""
