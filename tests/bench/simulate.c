/* SPDX-License-Identifier: GPL-3.0-or-later */
/* usage: simulate COSTS RUNS SEED [ROWS]: a table of so many simulated runs, on standard output. */
#include "lib/pace/wall.h"
#include "tests/bench/world.h"

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_size);
	return n > 0 ? values[n / 2] : NAN;
}

static void table(const struct world_run *runs, size_t n, int only)
{
	double *errors = calloc(n, sizeof(*errors));

	for (int t = 0; t < TELLERS; t++) {
		printf("| %s |", tellers[t]);
		for (int k = 0; k < CHECKPOINTS; k++) {
			size_t m = 0;
			for (size_t i = 0; i < n; i++)
				if (only < 0 || runs[i].kind == (enum world_kind)only)
					errors[m++] = fabs(runs[i].score[k].error[t]);
			printf(" %.1f %% |", 100 * median(errors, m));
		}
		printf("\n");
	}
	free(errors);
}

static void coverage(const struct world_run *runs, size_t n, int only, const char *name)
{
	size_t m = 0, in = 0;
	double hours = 0, longest = 0, runs_of = 0,
	       *errors = calloc(n * CHECKPOINTS, sizeof(*errors));

	for (size_t i = 0; i < n; i++) {
		if (only >= 0 && runs[i].kind != (enum world_kind)only)
			continue;
		hours += runs[i].seconds / 3600;
		runs_of++;
		longest = fmax(longest, runs[i].seconds / 3600);
		for (int k = 0; k < CHECKPOINTS; k++) {
			errors[m++] = fabs(runs[i].score[k].error[0]);
			in += runs[i].score[k].actual >= runs[i].score[k].p10 &&
			      runs[i].score[k].actual <= runs[i].score[k].p90;
		}
	}
	printf("| %s | %.0f | %.2f h | %.1f h | %.1f %% | %.0f %% |\n", name, runs_of,
	       hours / runs_of, longest, 100 * median(errors, m),
	       m ? 100.0 * (double)in / (double)m : NAN);
	free(errors);
}

int main(int argc, char **argv)
{
	static struct costs costs;

	if (argc < 4 || !read_costs(argv[1], &costs)) {
		fprintf(stderr, "usage: simulate COSTS RUNS SEED [ROWS]\n");
		return 2;
	}
	setenv("TZ", "Europe/Berlin", 1);
	size_t n = (size_t)strtoul(argv[2], NULL, 10);
	uint64_t seed = strtoul(argv[3], NULL, 10);
	double rows = argc > 4 ? strtod(argv[4], NULL) : 0;
	struct world_run *runs = calloc(n, sizeof(*runs));
	/* Nights around both switches of the clock, and one without. */
	static const struct wall_day nights[] = { { 2026, 3, 27 },
						  { 2026, 10, 23 },
						  { 2026, 6, 1 } };

	for (size_t i = 0; i < n; i++)
		world_run(&costs, seed + i, (enum world_kind)(i % WORLD_KINDS), rows,
			  /* Short windows for short runs: each has to wait for the next night. */
			  rows > 1e6 ? "22:00-23:30"
			  : rows > 0 ? "22:00-22:10"
				     : "22:00-22:01",
			  wall_instant(nights[i / WORLD_KINDS % 3], 20 * 60), &runs[i]);
	printf("| foretold by | at 10 %% | 25 %% | 50 %% | 75 %% |\n|---|---|---|---|---|\n");
	table(runs, n, -1);
	printf("\n| runs | number | mean | longest | median error | P10 to P90 holds |\n|---|---|---|---|---|---|\n");
	coverage(runs, n, -1, "all");
	for (int k = 0; k < WORLD_KINDS; k++)
		coverage(runs, n, k, world_kinds[k]);
	free(runs);
	return 0;
}
