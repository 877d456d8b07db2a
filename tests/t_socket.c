/* WebSocket frames, and the answer that ends a handshake. */
#include "kubernetes/frames.h"
#include "kubernetes/socket.h"
#include "unit.h"

/* What was read: "2:hello 9: ", a type and its bytes. */
static struct err *note(void *arg, enum frame type, const char *s, size_t n)
{
	buf_addf(arg, "%d:", (int)type);
	(void)buf_add(arg, s, n);
	buf_adds(arg, " ");
	return NULL;
}

/* Reads s in pieces of `step` bytes; *got is owned. */
static struct err *read_all(const char *s, size_t n, size_t step, size_t max, char **got)
{
	struct buf seen = BUF_INIT;
	struct frames f;
	struct err *e = NULL;

	frames_init(&f, note, &seen);
	f.max = max;
	for (size_t at = 0; at < n && !e; at += step)
		e = frames_read(&f, s + at, n - at < step ? n - at : step);
	frames_release(&f);
	*got = buf_take(&seen);
	return e;
}

#define BYTES(s) (s), sizeof(s) - 1

static const struct {
	const char *s;
	size_t n;
	const char *want;
} good[] = {
	{ BYTES("\x82\x05hello"), "2:hello " },
	{ BYTES("\x81\x00"), "1: " },
	{ BYTES("\x82\x01"
		"a\x82\x01"
		"b"),
	  "2:a 2:b " },
	{ BYTES("\x02\x03hel\x80\x02lo"), "2:hello " },
	{ BYTES("\x01\x01"
		"a\x00\x01"
		"b\x80\x00"),
	  "1:ab " },
	/* Control frames come between the pieces of a message. */
	{ BYTES("\x02\x03hel\x89\x02hi\x8a\x00\x80\x02lo"), "9:hi 10: 2:hello " },
	{ BYTES("\x88\x00"), "8: " },
	{ BYTES("\x88\x04\x03\xe8ok"), "8:\x03\xe8ok " },
	{ BYTES("\x88\x02\x0f\xa0"), "8:\x0f\xa0 " },
};

START_TEST(reads)
{
	for (size_t i = 0; i < COUNT(good); i++)
		for (size_t step = 1; step <= good[i].n; step++) {
			AUTO_STR got = NULL;

			unit_ok(read_all(good[i].s, good[i].n, step, 0, &got));
			ck_assert_str_eq(got, good[i].want);
		}
}
END_TEST

static const struct {
	const char *s;
	size_t n;
	const char *words;
} bad[] = {
	{ BYTES("\xc2\x00"), "reserved bits" },
	{ BYTES("\x92\x00"), "reserved bits" },
	{ BYTES("\x82\x80"), "masked" },
	{ BYTES("\x83\x00"), "unknown type" },
	{ BYTES("\x87\x00"), "unknown type" },
	{ BYTES("\x8b\x00"), "unknown type" },
	{ BYTES("\x8f\x00"), "unknown type" },
	{ BYTES("\x80\x00"), "out of order" },
	{ BYTES("\x00\x00"), "out of order" },
	{ BYTES("\x02\x00\x82\x00"), "out of order" },
	{ BYTES("\x09\x00"), "control frame in pieces" },
	{ BYTES("\x89\x7e\x00\x7e"), "control frame that is too long" },
	{ BYTES("\x82\x7e\x00\x05"), "shortest form" },
	{ BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), "shortest form" },
	{ BYTES("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), "message that is too long" },
	{ BYTES("\x82\x09"), "message that is too long" },
	{ BYTES("\x02\x05hello\x80\x04"), "message that is too long" },
	{ BYTES("\x88\x01\x03"), "proper code" },
	{ BYTES("\x88\x02\x03\xe7"), "proper code" },
	{ BYTES("\x88\x02\x03\xed"), "proper code" }, /* 1005 */
	{ BYTES("\x88\x02\x03\xf7"), "proper code" }, /* 1015 */
	{ BYTES("\x88\x02\x13\x88"), "proper code" }, /* 5000 */
};

START_TEST(refuses)
{
	for (size_t i = 0; i < COUNT(bad); i++)
		for (size_t step = 1; step <= bad[i].n; step++) {
			AUTO_STR got = NULL;

			unit_fails(read_all(bad[i].s, bad[i].n, step, 8, &got), ERR_PROTOCOL,
				   bad[i].words);
		}
}
END_TEST

/* A frame of ours as the server would have sent it: without its mask. */
static void unmask(struct buf *b, size_t head)
{
	const unsigned char *mask = (const unsigned char *)b->s + head;
	char *data = b->s + head + FRAME_MASK;
	const size_t n = b->len - head - FRAME_MASK;

	ck_assert(b->s[1] & 0x80);
	b->s[1] &= 0x7f;
	for (size_t i = 0; i < n; i++)
		data[i] = (char)(data[i] ^ mask[i % FRAME_MASK]);
	memmove(b->s + head, data, n);
	b->len -= FRAME_MASK;
}

START_TEST(writes)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 200000 };
	static const size_t heads[] = { 2, 2, 2, 4, 4, 10, 10 };
	const unsigned char mask[] = { 0x01, 0x80, 0xff, 0x37 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		AUTO_STR data = xcalloc(sizes[i] + 1, 1);
		AUTO_STR want = NULL;
		AUTO_STR got = NULL;
		AUTO_BUF b = BUF_INIT;

		for (size_t j = 0; j < sizes[i]; j++)
			data[j] = (char)('a' + j % 23);
		frame_write(&b, FRAME_BINARY, data, sizes[i], mask);
		ck_assert_uint_eq(b.len, heads[i] + FRAME_MASK + sizes[i]);
		if (sizes[i] > 3)
			ck_assert_int_eq(b.s[heads[i] + FRAME_MASK + 3], 'd' ^ 0x37);
		unmask(&b, heads[i]);
		want = xasprintf("2:%s ", data);
		unit_ok(read_all(b.s, b.len, 4096, 0, &got));
		ck_assert_str_eq(got, want);
	}
}
END_TEST

static struct err *refuse(void *arg, enum frame type, const char *s, size_t n)
{
	(void)arg, (void)type, (void)s, (void)n;
	return err_new(ERR_REMOTE, "enough");
}

START_TEST(reader_ends_it)
{
	struct frames f;

	frames_init(&f, refuse, NULL);
	unit_fails(frames_read(&f, BYTES("\x82\x01"
					 "a\xff")),
		   ERR_REMOTE, "enough");
	frames_release(&f);
}
END_TEST

START_TEST(cap)
{
	struct frames f;
	AUTO_BUF seen = BUF_INIT;

	frames_init(&f, note, &seen);
	unit_fails(frames_read(&f, BYTES("\x82\x7f\x00\x00\x00\x00\x01\x00\x00\x01")), ERR_PROTOCOL,
		   "message that is too long");
	ck_assert_uint_eq(f.message.cap, 0);
	frames_release(&f);
}
END_TEST

/* RFC 6455, 1.3 */
START_TEST(accept_key)
{
	AUTO_STR got = socket_accept("dGhlIHNhbXBsZSBub25jZQ==");

	ck_assert_str_eq(got, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

START_TEST(close_codes)
{
	ck_assert_uint_eq(frame_close_code("", 0), 0);
	ck_assert_uint_eq(frame_close_code("\x03\xe8 bye", 6), 1000);
}
END_TEST

static const struct {
	const char *line, *want;
} lines[] = {
	{ "ls -l", "['ls','-l']" },
	{ "  a\t b\n", "['a','b']" },
	{ "sh -c 'echo \"a b\"'", "['sh','-c','echo \\'a b\\'']" },
	{ "a''b \"\" c", "['ab','','c']" },
	{ "a\\ b \\'", "['a b','\\u0027']" },
	{ "\"a\\\\b\\n\"", "['a\\\\b\\\\n']" },
	{ "$HOME * ; |", "['$HOME','*',';','|']" },
};

START_TEST(command_line)
{
	for (size_t i = 0; i < COUNT(lines); i++) {
		AUTO_JSON got = NULL;

		unit_ok(command_words(lines[i].line, &got));
		unit_same(got, lines[i].want);
	}
	AUTO_JSON none = NULL;

	unit_fails(command_words("a 'b", &none), ERR_USAGE, "does not end");
	unit_fails(command_words("a \"b\\\"", &none), ERR_USAGE, "does not end");
	unit_fails(command_words("a \\", &none), ERR_USAGE, "does not end");
	unit_fails(command_words(" ", &none), ERR_USAGE, "is empty");
}
END_TEST

static const struct {
	const char *pod, *container;
	const char *words; /* NULL: it runs */
} troubles[] = {
	{ "{'spec':{'containers':[{'name':'a'},{'name':'b'}],'initContainers':[{'name':'c'}]}}",
	  "x", "the pod has no container 'x'; there are: a, b, c" },
	{ "{'spec':{'containers':[{'name':'a'}]},'status':{'phase':'Running','containerStatuses':[{'name':'a',"
	  "'state':{'running':{}}}]}}",
	  "a", NULL },
	{ "{'spec':{'containers':[{'name':'a'}]},'status':{'containerStatuses':[{'name':'a','state':{'waiting':{"
	  "'reason':'ImagePullBackOff','message':'no such image.'}}}]}}",
	  "a", "container 'a' waits: ImagePullBackOff: no such image" },
	{ "{'spec':{'containers':[{'name':'a'}]},'status':{'containerStatuses':[{'name':'a','state':{'waiting':{"
	  "'reason':'CrashLoopBackOff'}},'lastState':{'terminated':{'exitCode':3,'reason':'Error'}}}]}}",
	  "a", "container 'a' waits: CrashLoopBackOff; it ended with exit code 3 (Error) before" },
	{ "{'spec':{'initContainers':[{'name':'a'}]},'status':{'initContainerStatuses':[{'name':'a','state':{"
	  "'terminated':{'exitCode':0,'reason':'Completed'}}}]}}",
	  "a", "container 'a' has ended with exit code 0 (Completed)" },
	{ "{'spec':{'containers':[{'name':'a'}]},'status':{'phase':'Pending','conditions':[{'type':'PodScheduled',"
	  "'status':'False','reason':'Unschedulable','message':'no node'}]}}",
	  "a", "the pod is Pending: Unschedulable: no node" },
	{ "{'spec':{'containers':[{'name':'a'}]},'status':{'phase':'Failed','reason':'Evicted'}}",
	  "a", "the pod is Failed: Evicted" },
	{ "{'spec':{'containers':[{'name':'a'}]}}", "a", "the pod is new" },
};

START_TEST(states_of_containers)
{
	for (size_t i = 0; i < COUNT(troubles); i++) {
		AUTO_JSON pod = unit_json(troubles[i].pod);
		AUTO_STR words = pod_trouble(pod, troubles[i].container);

		if (troubles[i].words)
			ck_assert_str_eq(words, troubles[i].words);
		else
			ck_assert_ptr_null(words);
	}
}
END_TEST

START_TEST(errors_explained)
{
	AUTO_JSON pod = unit_json(troubles[2].pod);
	struct err *e = pod_explain(pod, "a", err_new(ERR_REMOTE, "500"));

	e = pod_explain(pod, "a", e);
	unit_fails(e, ERR_REMOTE, "500; container 'a' waits: ImagePullBackOff: no such image");
	ck_assert_ptr_null(pod_explain(pod, "a", NULL));
}
END_TEST

UNIT_MAIN("socket", states_of_containers, errors_explained, command_line, reads, refuses, writes,
	  reader_ends_it, cap, accept_key, close_codes)
