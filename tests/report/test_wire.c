/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress of another program: what it says arrives, what somebody else wrote there does not. */
#include "lib/core/strbuf.h"
#include "lib/report/wire.h"
#include "tests/harness/tap.h"
#include <math.h>
#include <string.h>

static const struct field *find(const struct wire *w, const char *key)
{
	for (const struct field *f = w->fields; f->key; f++)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

TEST(fields_come_back_as_they_were)
{
	const struct field fields[] = {
		F_TEXT("label", "pulp-manifests-fill"),
		F_INT("done", 9007199254740991LL),
		F_REAL("rate", 12.5),
		F_REAL("duty", NAN),
		F_NULL("reason"),
		{ .key = "eta", .kind = FIELD_RANGE, .v.range = { 1, 2, 3 } },
		{ .key = "lost_by",
		  .kind = FIELD_MAP,
		  .v.map = (const struct named[]){ { "redis", 1.5 }, { "duty", 4 }, { NULL, 0 } } },
		F_END
	};
	AUTO_STRBUF struct strbuf text = { 0 };
	struct wire w;

	strbuf_adds(&text, "{");
	wire_add(&text, fields);
	strbuf_adds(&text, "}");
	REQUIRE(wire_read("progress", text.data, &w));
	CHECK_STR(find(&w, "label")->v.text, "pulp-manifests-fill");
	CHECK(find(&w, "done")->v.i == 9007199254740991LL);
	CHECK(find(&w, "rate")->v.real == 12.5);
	CHECK(find(&w, "duty") == NULL);
	CHECK(find(&w, "reason")->kind == FIELD_NULL);
	CHECK(find(&w, "eta")->v.range[2] == 3);
	const struct named *lost = find(&w, "lost_by")->v.map;
	CHECK_STR(lost[0].name, "redis");
	CHECK(lost[0].value == 1.5 && lost[1].value == 4 && lost[2].name == NULL);
	wire_release(&w);
}

TEST(what_is_not_documented_or_of_another_type_is_left_out)
{
	struct wire w;

	REQUIRE(wire_read(
		"progress",
		"{\"label\":7,\"done\":-1,\"total\":1e300,\"rate\":\"9\",\"evil\":\"x\","
		"\"eta\":{\"p10\":1,\"p50\":null,\"p90\":2},\"bytes\":5,\"lost_by\":{\"a\":-1,\"b\":[]},\"done\":null}",
		&w));
	CHECK(find(&w, "label") == NULL && find(&w, "done") == NULL && find(&w, "total") == NULL);
	CHECK(find(&w, "rate") == NULL && find(&w, "evil") == NULL && find(&w, "eta") == NULL);
	CHECK(find(&w, "bytes")->v.i == 5 && find(&w, "lost_by") == NULL);
	wire_release(&w);
}

TEST(what_is_no_object_is_nothing)
{
	struct wire w;

	CHECK(!wire_read("progress", "", &w));
	CHECK(!wire_read("progress", "{\"done\":", &w));
	CHECK(!wire_read("no such event", "{}", &w));
	REQUIRE(wire_read("progress", "[1,2]", &w));
	CHECK(w.fields[0].key == NULL);
	wire_release(&w);
}

TAP_MAIN(row(fields_come_back_as_they_were),
	 row(what_is_not_documented_or_of_another_type_is_left_out),
	 row(what_is_no_object_is_nothing))
