/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Controllers at work at once share nothing, whatever they are told: the fuzzer's own rules, on
 * random inputs, in threads that ThreadSanitizer watches where it is built in. */
#include "lib/pace/estimate.h"
#include "tests/fuzz/fuzz_controller.c" /* NOLINT(bugprone-suspicious-include) */
#include "tests/harness/tap.h"
#include <pthread.h>

enum { THREADS = 4, INPUTS = 25, LENGTH = 2000 };

/* The rules end the program where one is broken. */
static void *feed_random(void *arg)
{
	uint64_t seed = *(const uint64_t *)arg;
	uint8_t input[LENGTH];

	for (int i = 0; i < INPUTS; i++) {
		for (size_t k = 0; k < sizeof(input); k++)
			input[k] = (uint8_t)estimate_random(&seed);
		(void)LLVMFuzzerTestOneInput(input, sizeof(input) - (size_t)i * 70);
	}
	return NULL;
}

TEST(any_signals_in_many_threads)
{
	uint64_t seeds[THREADS];
	pthread_t threads[THREADS];
	int started = 0;

	for (; started < THREADS; started++) {
		seeds[started] = (uint64_t)started;
		if (pthread_create(&threads[started], NULL, feed_random, &seeds[started]) != 0)
			break;
	}
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	CHECK_INT(started, THREADS);
}

TAP_MAIN(row(any_signals_in_many_threads))
