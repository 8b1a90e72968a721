# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fixed duties the throttle's bench measures, and in which order its rounds go."""
import random
import time

from bench import throttle, verdict


def arms(rng, rounds, **middles):
    """With requests of so many seconds in the middle; arms that are not named have not been measured."""
    out = {name: throttle.Arm() for name in (*throttle.OFF, "throttle", *throttle.FIXED)}
    for name, arm in out.items():
        middle = middles.get(name.replace(" ", "_").replace(".", "_"), 0.001 if name in throttle.OFF else None)
        for r in range(rounds if middle else 0):
            arm.histograms[r] = verdict.histogram(middle * rng.lognormvariate(0, 0.2) for _ in range(500))
            arm.rates[r] = 1000.0
    return out


def test_the_two_highest_that_are_in_doubt_are_measured():
    rng = random.Random(3)
    assert throttle.wanted(arms(rng, 0)) == ["off", "off again", "throttle", "duty 1", "duty 0.5"]
    far = arms(rng, 3, duty_1=0.05, duty_0_5=0.0018)
    throttle.drop(far)
    assert far["duty 1"].dropped == "is far from the goal"
    assert throttle.wanted(far)[3:] == ["duty 0.5", "duty 0.2"]


def test_none_is_measured_below_one_that_keeps_to_the_goal():
    measured = arms(random.Random(3), 6, duty_1=0.0024, duty_0_5=0.001, duty_0_2=0.001)
    throttle.drop(measured)
    assert measured["duty 1"].dropped == "does not keep to the goal"
    assert "duty 0.5" in measured["duty 0.2"].dropped
    assert throttle.wanted(measured)[3:] == ["duty 0.5"]


def test_a_round_is_followed_by_its_reverse_while_the_arms_are_the_same():
    names = ["a", "b", "c", "d"]
    rounds = throttle.orders(lambda: names, time.monotonic() + 60)
    first, second = next(rounds), next(rounds)
    assert second == first[::-1]
    assert sorted(next(rounds)) == names
    names.remove("d")
    assert sorted(next(rounds)) == ["a", "b", "c"]


def test_blocks_are_long_enough_for_a_99th_percentile_of_those_who_come():
    assert throttle.seconds_of_block(1000) == throttle.SECONDS
    assert 10 * throttle.seconds_of_block(10) >= 1.3 * throttle.FEW


def test_the_report_has_the_p99_of_each_block_by_round():
    measured, said = arms(random.Random(3), 6, throttle=0.001), []
    throttle.report(measured, 1000, 10**6, said.append)
    lines = {name: line for line in "\n".join(said).splitlines() for name in measured if line.startswith(f"- {name}: ")}
    assert list(lines) == ["off", "off again", "throttle"]
    for name, line in lines.items():
        told = dict(pair.split(":") for pair in line.split(": ", 1)[1].split())
        assert told == {str(r): f"{1000 * verdict.quantile([h], 0.99):.2f}" for r, h in measured[name].histograms.items()}
